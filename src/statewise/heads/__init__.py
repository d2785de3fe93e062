"""What an output means: one distribution a file, with its loss and how to draw from it."""

from statewise.heads.adaptive_softmax import AdaptiveSoftmax
from statewise.heads.categorical import Categorical
from statewise.heads.crf import CRF
from statewise.heads.ctc import CTC
from statewise.heads.deep_output import DeepOutput
from statewise.heads.doubly_stochastic import Attended, DoublyStochastic
from statewise.heads.gaussian import Gaussian
from statewise.heads.gaussian_mixture import GaussianMixture
from statewise.heads.head import Head, Loss, Term
from statewise.heads.intent_and_slots import IntentAndSlots, Voices
from statewise.heads.items import ItemHead
from statewise.heads.negative_binomial import NegativeBinomial
from statewise.heads.quantiles import Quantiles
from statewise.heads.ranking import Ranking
from statewise.heads.real import Real
from statewise.heads.soundtrack import Soundtrack
from statewise.heads.strokes import Strokes
from statewise.heads.student_t import StudentT

__all__ = [
    "AdaptiveSoftmax",
    "CRF",
    "CTC",
    "Categorical",
    "Attended",
    "DeepOutput",
    "DoublyStochastic",
    "Gaussian",
    "GaussianMixture",
    "Head",
    "IntentAndSlots",
    "ItemHead",
    "Loss",
    "NegativeBinomial",
    "Quantiles",
    "Ranking",
    "Real",
    "Soundtrack",
    "Strokes",
    "StudentT",
    "Term",
    "Voices",
]
