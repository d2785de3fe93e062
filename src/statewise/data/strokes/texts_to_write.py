"""Texts that letters are laid out to: common English words, and words of letters drawn at random."""

from collections.abc import Collection

import numpy as np

COMMON = """
a about above across after again air all almost along also always an and animal another answer any are around as ask
at away back be because bed been before began begin being below better between big bird black blue boat body book both
box boy bring brown build but by call came can car carry change child city clear close cold come could country cut
dark day deep did do does dog done door down draw dream dry each early earth east eat end enough even ever every eye
face fact fall family far fast father feet few field find fire first fish five fly follow food foot for form found
four free friend from full game gave get girl give go gold good got great green ground group grow had half hand happy
hard has have he head hear heart heavy help her here high him his hold home horse hot hour house how hundred idea if
in inch is island it its jump just keep kind king knew know land language large last late laugh learn leave left less
let letter life light like line list listen little live long look love low machine made make man many map mark may me
mean men might mile milk mind minute miss money moon more morning most mother mountain move much music must my name
near need never new next night no north not note nothing now number object of off often oh old on once one only open
or order other our out over own page paper part pass people picture piece place plain plan plant play point pull put
quack queen question quick quiet quite rain ran reach read ready real red rest river road rock room round run said
same saw say school sea second see seem set several she ship short should show side simple since sing six size sky
sleep slow small snow so some song soon sound south space special stand star start state stay step still stop story
street strong such sun sure table take talk teach tell ten than that the their them then there these they thing think
this those thought three through time to together too took top town travel tree true try turn two under until up us
use usual very voice vowel wait walk want warm was watch water way we week well went were west what wheel when where
which while white who whole why will wind with wonder wood word work world would write year yellow yes yet you young
your zero zone fox lazy jog vex quiz
"""
WORDS = COMMON.split()
AT_RANDOM, CAPITAL, MIXED, STOPPED = 0.4, 0.3, 0.15, 0.3
"Shares of words: of letters at random; with a capital; of any sign at all; with a stop after it."
SPACE, STOPS = " ", ".,!?"


def texts_of(letters: Collection[str], count: int, longest: int, draw: np.random.Generator) -> list[str]:
    """Return so many texts of at most `longest` letters, written with these letters and, between words, spaces.

    Words at random let every letter stand next to every other, which those of a language do not.

    >>> [set(text) <= set("abc ") for text in texts_of("abc", 3, 12, np.random.default_rng(0))]
    [True, True, True]
    """
    known = frozenset(letters)
    common = [word for word in WORDS if known.issuperset(word)]
    small = sorted(letter for letter in known if letter.islower()) or sorted(known - {SPACE})
    signs = sorted(known - {SPACE})
    found = []
    for _ in range(count):
        wanted, text = int(draw.integers(longest // 2, longest + 1)), ""
        while True:
            word = _word(common, small, signs, known, draw)
            if len(text) + len(word) + bool(text) > wanted:
                break
            text += SPACE * bool(text) + word
        found.append(text or word[:longest])
    return found


def _word(
    common: list[str], small: list[str], signs: list[str], known: Collection[str], draw: np.random.Generator
) -> str:
    if draw.random() < MIXED:
        return "".join(draw.choice(signs, int(draw.integers(1, 6))))
    if not common or draw.random() < AT_RANDOM:
        word = "".join(draw.choice(small, int(draw.integers(2, 8))))
    else:
        word = str(draw.choice(common))
    capital = word[0].upper()
    if capital in known and draw.random() < CAPITAL:
        word = capital + word[1:]
    stops = [stop for stop in STOPS if stop in known]
    return word + str(draw.choice(stops)) if stops and draw.random() < STOPPED else word
