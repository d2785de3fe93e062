"""The figures of the page on answers are those that the proof wrote down."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorials" / "answer.md").read_text()
WORDS = " ".join(PAGE.split())
PROOF: Any = json.loads((ROOT / "proofs" / "results" / "answer.json").read_text())
STORIES, TABLE, PASSAGES = PROOF["stories"], PROOF["table"], PROOF["passages"]


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def test_the_tasks_of_stories_have_the_shares_of_the_proof() -> None:
    networks = {name: found for name, found in STORIES["networks"].items() if name != "reasoner"}
    for file, share in STORIES["files"].items():
        simple = [STORIES["baselines_files"][name][file] for name in ("commonest answer", "bag of words")]
        others = [found[0]["files"][file] for found in networks.values()]
        assert f"| {file} | {' | '.join(percent(one) for one in (share, *others, *simple))} |" in PAGE


def test_what_is_reached_over_the_seeds_is_said() -> None:
    assert STORIES["mean"] >= 0.85
    each = {f"{one['metrics']['solved']:g}" for one in STORIES["networks"]["reasoner"]}
    assert f"each seed has {' and '.join(sorted(each))}, but where each task's mean over the seeds is counted" in WORDS
    assert f"they are {STORIES['solved']}**" in WORDS
    seeds = [percent(one["metrics"]["accuracy"]) for one in STORIES["networks"]["reasoner"]]
    assert f"mean {percent(STORIES['mean'])} %, {STORIES['solved']} of 20 tasks with 95 % or more" in WORDS
    assert f"({', '.join(seeds)} % from seeds 0" in WORDS
    for name, found in STORIES["networks"].items():
        assert name == "reasoner" or f"{found[0]['epochs']:g} epochs" in WORDS


def test_the_table_and_the_passages_have_the_figures_of_the_proof() -> None:
    assert TABLE["holds"]
    assert PASSAGES["holds"]
    hand = [f"{one['by_hand']:.0%}".replace("%", " %") for one in TABLE["runs"]]
    words = f"{TABLE['runs'][0]['keywords_by_hand']:.0%}".replace("%", " %")
    generated = [percent(one["generated"]["accuracy"]) for one in TABLE["runs"]]
    keywords = percent(TABLE["runs"][0]["keywords_generated"]["accuracy"])
    assert f"| generated, columns never seen | {', '.join(generated)} % | {keywords} % |" in PAGE
    assert f"| 100 written by hand | {', '.join(hand)} | {words} |" in PAGE
    for name, found in {"this model": PASSAGES["metrics"], **PASSAGES["baselines"]}.items():
        interval = f"{percent(found['f1_low'])} to {percent(found['f1_high'])}"
        assert f"| {name} | {percent(found['f1'])} | {interval} | {percent(found['exact_match'])} |" in PAGE
    assert PASSAGES["remarks"][1].removesuffix(": better.") in WORDS
