"""What inputs and contexts look like to a recurrence: one way to read them a file."""

from statewise.encoders.adaptive_table import AdaptiveTable
from statewise.encoders.codes_and_numbers import CodesAndNumbers
from statewise.encoders.efficientnet import EfficientNetLite0
from statewise.encoders.encoder import Encoder, StepInput, step_input
from statewise.encoders.frame_convolution import FrameConvolution
from statewise.encoders.one_hot import OneHot
from statewise.encoders.picture_encoder import PatchPixels, PictureEncoder
from statewise.encoders.space_time import SpaceTime
from statewise.encoders.spelled import Spelled
from statewise.encoders.table import Table
from statewise.encoders.two_way import TwoWay
from statewise.encoders.word_dropout import WordDropout

__all__ = [
    "AdaptiveTable",
    "CodesAndNumbers",
    "EfficientNetLite0",
    "Encoder",
    "FrameConvolution",
    "OneHot",
    "SpaceTime",
    "Spelled",
    "PatchPixels",
    "PictureEncoder",
    "StepInput",
    "Table",
    "TwoWay",
    "WordDropout",
    "step_input",
]
