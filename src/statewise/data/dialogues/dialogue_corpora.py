"""Conversations that come by name, out of published packages."""

from statewise.data.corpora import PublishedTables
from statewise.data.packages import Package

CHITCHAT = PublishedTables(
    name="chitchat",
    title="Conversations of two people about anything, of the BYU PCC lab's Chit-Chat Challenge (2018)",
    licence="MIT",
    size="4,018 conversations of two turns or more, 2.5 M words",
    package=Package(
        "pypi",
        "chitchat-dataset",
        "0.9.0",
        members="chitchat_dataset/dataset.json",
        digest="2f8b3e6c40cb9e398833ecef6aa20a033d7991d2e97cce27e207747b201c0145",
    ),
    holds="dialogues",
)
