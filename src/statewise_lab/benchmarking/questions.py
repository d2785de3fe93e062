"""Every question that is known, by name."""

from statewise_lab.benchmarking import (
    cells,
    inference,
    lengths,
    long_sequences,
    roofline,
    sessions,
    streaming,
    training,
)
from statewise_lab.benchmarking.question import Question

QUESTIONS: dict[str, Question] = {
    question.name: question
    for question in (
        roofline.QUESTION,
        training.QUESTION,
        cells.QUESTION,
        lengths.QUESTION,
        long_sequences.QUESTION,
        inference.QUESTION,
        streaming.QUESTION,
        sessions.QUESTION,
    )
}
