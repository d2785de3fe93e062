"""The words that generated tables and questions are made of."""


def split_words(words: str) -> list[str]:
    """Return words that spaces part."""
    return words.split()


NUMBERS = split_words(
    "price cost weight height speed score rating stock salary age distance revenue profit visits points "
    "temperature population area duration capacity budget balance fee discount votes sales goals downloads"
)
TEXTS = split_words(
    "color size city country brand category team player driver status region model material author genre "
    "language department name title supplier customer station route breed school sport hotel ship club payment "
    "channel"
)
DATES = ["date", "day", "order date", "release date", "birthday", "delivery date", "start date", "visit date"]
BEFORE = ["unit", "total", "net", "main", "home", "first", "average", "base", "local"]
ROWS = split_words(
    "rows entries records items orders people employees things products games trips houses cars books films "
    "customers sales visits members students matches flights tickets bottles animals"
)
SYLLABLES = split_words("ba ko ri mu ten sal vor lin pa dro fe gam hul nis ota per qui ras tob ul wen zak mir cho")
UNKNOWN_COLUMNS = split_words("mass wealth taste luck shape noise depth beauty humidity pressure quality")
WORDS_OF = {
    "avg": ["average", "mean", "the average", "what is the average", "what was the average", "the mean", "avg"],
    "sum": ["total", "sum of", "the total", "what is the total", "the sum of", "overall", "sum of the"],
    "max": ["highest", "maximum", "largest", "what is the highest", "the biggest", "max", "greatest", "best", "top"],
    "min": [
        "lowest",
        "minimum",
        "smallest",
        "what is the lowest",
        "the least",
        "min",
        "worst",
        "the smallest",
    ],
}
"The words by which a sum, a mean, a largest or a smallest number is asked for."
MUCH = ["highest", "largest", "most", "biggest", "best", "greatest", "maximum"]
LITTLE = ["lowest", "smallest", "least", "fewest", "worst", "minimum"]
ABOVE = ["above", "over", "more than", "greater than", "higher than", "bigger than", "larger than", "exceeding", ">"]
BELOW = ["below", "under", "less than", "smaller than", "lower than", "fewer than", "<"]
LEAST_OF = ["at least", "of at least", "no less than", "from", "not below", "minimum"]
MOST_OF = ["at most", "of at most", "no more than", "up to", "not above", "maximum"]
ASKS = "who"
