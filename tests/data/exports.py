"""Tables as people have them: twelve files in the manner of exports, each also as somebody would clean it by hand.

`make_exports` returns them. The two forms of a table have the same rows in the same order, and numbers with the same digits,
so that a reader that understands the export gets the same numbers as from the clean file. Cleaned,

- numbers are plain, without currencies, percent signs, units and marks of thousands; a bound such as <5 is its number;
- times of day are minutes since midnight, dates are ISO dates, with a time if they have one (UTC);
- truth values are the numbers 0 and 1;
- codes of digits have a letter before them, so that they are categories (z02134);
- missing cells are empty, stray blanks are removed;
- ids, the index without a name, footers and rows without a label are left out.

The labels follow a linear score of the columns, with noise that leaves an accuracy of about 0.85; much of the score is in the
columns that are hard to read. Every table has columns of pure noise, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from export_parts import (
    ACCOUNTING,
    COMMA,
    EPOCH_SECONDS,
    FRENCH,
    GERMAN,
    ISO_DATE,
    ISO_Z,
    PLAIN,
    SWISS,
    UNICODE_MINUS,
    US,
    Dialect,
    Draws,
    Gaps,
    Rng,
    Sheet,
    z,
)

FILLER = ["as usual", "see the notes", "first contact", "sent by mail", "with the team", "on request", "at the office"]
PHRASES = {  # good ones, bad ones and others
    "en": (["works well", "love it"], ["broke soon", 'not "as described"', "waste of money"], ["for my mother"]),
    "de": (["läuft gut", "gern wieder"], ["schnell kaputt", "viel zu teuer", "nie wieder"], ["für die Küche"]),
    "zh": (["质量很好", "非常喜欢"], ["很快就坏了", "浪费钱", "不推荐"], ["送给妈妈", "在网上买的"]),
}


@dataclass(frozen=True)
class Export:
    """A table in two forms.

    name    what it is
    suffix  of the file as exported
    raw     the file as exported
    clean   the same rows as plain CSV, cleaned by hand
    target  the label column
    """

    name: str
    suffix: str
    raw: bytes
    clean: bytes
    target: str


def make_exports(seed: int = 0) -> list[Export]:
    """The twelve tables. Each has random numbers of its own, so that a change of one leaves the others as they are."""
    return [make(np.random.default_rng([seed, k])) for k, make in enumerate(TABLES)]


def finished(
    name: str, sheet: Sheet, target: str, dialect: Dialect = COMMA, *, suffix: str = ".csv", footer: Sequence[str] = ()
) -> Export:
    """The table on this sheet, exported in this dialect."""
    return Export(name, suffix, sheet.exported(dialect, footer), sheet.cleaned(target), target)


def churn(rng: Rng) -> Export:
    """Customers of a telephone company, from a data frame with its index: dollars, percents, months first, ZIP codes."""
    draw, sheet = Draws(rng, 1400), Sheet(rng)
    signup, zips = draw.days("2019-01-01", 1800), draw.pick("02134 02139 01002 06510 07030 08540 10001 60601 90210")
    monthly, discount, calls = draw.gamma(70), draw.uniform(0, 30), draw.counts(3)
    contract, paperless = draw.pick("monthly yearly biennial"), draw.flags(0.5)
    score = 1.2 * z(monthly) - 1.2 * z(discount) + z(signup) + z(calls) + draw.effect(zips)
    sheet.index(draw.n)
    sheet.dropped("Customer ID", draw.customer_numbers())
    sheet.dropped("E-mail", draw.emails())
    sheet.date("Signup", signup, "%m/%d/%Y")
    sheet.category("ZIP", zips, prefix="z")
    sheet.number("Monthly charges", monthly, 2, US.with_unit(before="$"))
    sheet.number("Total charges", draw.gamma(1800), 2, US.with_unit(before="$"), Gaps(0.1, ("", "n/a")))
    sheet.number("Discount", discount, 1, PLAIN.with_unit("%"), Gaps(0.1, ("-", "none")))
    sheet.number("Support calls", calls, 0, gaps=Gaps(0.12, ("unknown", "N/A", "-")))
    sheet.category("Contract", contract, blanks=0.3)
    sheet.boolean("Paperless billing", paperless, "no No N FALSE", "Yes yes Y TRUE")
    sheet.category("Device", draw.pick("phone tablet router"), Gaps(0.05, ("none",)))
    sheet.dropped("Country", ["US"] * draw.n)
    sheet.dropped("Fax", [""] * draw.n)
    sheet.category("Label", draw.labels(score + 0.7 * draw.effect(contract) + 0.5 * paperless, "stayed left", 0.6))
    return finished("churn", sheet, "Label")


def sales(rng: Rng) -> Export:
    """Deals of a sales team, from its ledger: losses in brackets, labels with stray blanks, and a line of totals."""
    draw, sheet = Draws(rng, 1300), Sheet(rng)
    amount, margin, closed = draw.gamma(40_000), draw.normal(200, 900), draw.days("2021-02-01", 1000)
    rebate, stage, region = draw.uniform(0, 25), draw.gamma(600), draw.pick("North South East West Overseas")
    score = 1.3 * z(margin) + 1.2 * z(amount) + z(closed) - z(rebate) - z(stage) + draw.effect(region)
    sheet.dropped("Deal", [f"D-{k}" for k in draw.customer_numbers()])
    sheet.category("Region", region, blanks=0.3)
    sheet.number("Amount", amount, 2, US)
    sheet.number("Margin", margin, 2, ACCOUNTING.with_unit(before="$"), Gaps(0.06, ("-",)))
    sheet.date("Closed", closed, "%d %b %Y", Gaps(0.05, ("n/a", "")))
    sheet.number("Rebate", rebate, 1, PLAIN.with_unit(" %"), Gaps(0.15, ("none", "-")))
    sheet.number("Hours", stage, 0, US, Gaps(0.12, ("#N/A", "-")))
    sheet.number("Forecast", draw.gamma(9000), 0, US.with_unit(" USD"), Gaps(0.08, ("#N/A",)))
    sheet.category("Owner", draw.pick("Kim Lee Sam Ada"))
    sheet.category("label", draw.labels(score, "lost won", 0.55), blanks=0.2)
    sheet.repeat_rows(8)
    return finished("sales", sheet, "label", footer=["Total", "", US(f"{amount.sum():.2f}"), *[""] * 7])


def sensor(rng: Rng) -> Export:
    """Readings of machines: units, minus signs of Unicode, concentrations below the detection limit, codes of stations."""
    draw, sheet = Draws(rng, 1500), Sheet(rng)
    time, clock, station = draw.moments("2024-01-01", 400), draw.whole(0, 1440), draw.pick("001 002 007 010 023 042")
    temperature, drift, trace = draw.normal(6, 5), draw.normal(0, 1.5), draw.gamma(0.3)
    humidity = draw.uniform(20, 90)
    score = z(temperature) + 1.2 * z(drift) + 1.3 * z(trace) - z(time) + 0.8 * z(clock) + draw.effect(station)
    sheet.dropped("uuid", draw.uuids())
    sheet.date("time", time, ISO_Z)
    sheet.category("station", station, prefix="s")
    sheet.clock("local time", clock, Gaps(0.05, ("-",)))
    sheet.number("temperature", temperature, 1, UNICODE_MINUS.with_unit(" °C"), Gaps(0.08, (".", "-")))
    sheet.number("drift", drift, 3, UNICODE_MINUS)
    sheet.number("trace", trace, 3, PLAIN, Gaps(0.05, ("n/a",)), below=0.18)
    sheet.number("humidity", humidity, 0, PLAIN.with_unit("%"))
    sheet.number("pressure", draw.normal(1013, 9), 1, US.with_unit(" hPa"), Gaps(0.3, (".",)))
    sheet.boolean("maintained", draw.flags(0.5), "FALSE", "TRUE")
    sheet.category("class", draw.labels(score - 0.7 * z(humidity), "ok fault", 0.65))
    return finished("sensor", sheet, "class", Dialect(";"))


def survey(rng: Rng) -> Export:
    """Answers to a survey, all in quotes: ages that were not told, incomes in euros, a scale in words, comments."""
    draw, sheet = Draws(rng, 1500), Sheet(rng)
    age, income, visits = draw.whole(18, 90), draw.gamma(45_000), draw.counts(5)
    weight, answered, mood = draw.normal(74, 12), draw.days("2024-01-01", 300), draw.normal()
    agrees, member = draw.whole(0, 5), draw.flags(0.5)
    scale = np.array(["strongly disagree", "disagree", "neither", "agree", "strongly agree"])[agrees]
    score = 1.2 * z(age) + 1.3 * z(income) + z(agrees) + z(visits) + 0.8 * z(weight) - 0.8 * z(answered) + 0.8 * mood
    sheet.dropped("respondent", draw.uuids())
    sheet.date("answered", answered, "%d.%m.%Y")
    sheet.number("age", age, 0, gaps=Gaps(0.12, ("-", "unknown")))
    sheet.number("income", income, 0, US.with_unit(before="€ "), Gaps(0.12, ("n/a", "-", "none")))
    sheet.number("weight", weight, 0, PLAIN.with_unit(" kg"), Gaps(0.1, ("unknown",)))
    sheet.number("visits", visits, 0, gaps=Gaps(0.1, ("none", "-")))
    sheet.category("I would come again", scale, blanks=0.1)
    sheet.boolean("member", member, "N no", "Y yes", Gaps(0.1, ("n/a",)))
    sheet.category("heard from", draw.pick("friend radio web"), Gaps(0.2, ("unknown", "")))
    good, bad = ["friendly staff", "clean and quiet", "would recommend"], ["too expensive", "long queues", "rude staff"]
    sheet.text("comment", draw.texts(mood, good, bad, FILLER), Gaps(0.2, ("", "-")))
    sheet.category("y", draw.labels(score + 0.5 * member, "detractor passive promoter"))
    return finished("survey", sheet, "y", Dialect(quote_all=True))


def hospital(rng: Rng) -> Export:
    """Stays in a hospital, from a data base: laboratory values with bounds, wards by number, some outcomes not yet known."""
    draw, sheet = Draws(rng, 1450), Sheet(rng)
    admitted, age, ward = draw.days("2020-01-01", 1500), draw.whole(1, 99), draw.pick("001 004 007 012 021 033")
    crp, glucose, creatinine = draw.gamma(12), draw.gamma(110), draw.gamma(1.1)
    weight, icd, insured = draw.normal(75, 14), draw.pick("E11.9 I10 J45.0 N18.3"), draw.flags(0.7)
    score = 1.4 * z(crp) + z(glucose) + z(creatinine) + 0.9 * z(weight) + 0.6 * z(age) + draw.effect(ward)
    sheet.dropped("mrn", [f"00{k}" for k in draw.customer_numbers()])
    sheet.date("admitted", admitted, ISO_DATE)
    sheet.category("ward", ward, prefix="w")
    sheet.category("sex", draw.pick("M F"), Gaps(0.05, ("unknown",)))
    sheet.number("age", age, 0)
    sheet.number("crp", crp, 1, PLAIN, Gaps(0.05, ("\\N",)), below=6)
    sheet.number("glucose", glucose, 0, PLAIN.with_unit(" mg/dL"), Gaps(0.1, ("\\N", "unknown")), above=200)
    sheet.number("creatinine", creatinine, 2, PLAIN, Gaps(0.15, ("-", "\\N", "n/a")))
    sheet.number("weight", weight, 1, PLAIN.with_unit(" kg"), Gaps(0.15, ("unknown", "\\N")))
    sheet.category("icd", icd, blanks=0.2)
    sheet.boolean("insured", insured, "no N", "Yes Y")
    outcome = draw.labels(score + 0.6 * draw.effect(icd) + 0.6 * z(admitted), "discharged readmitted", 0.6)
    sheet.category("target", outcome, Gaps(0.02))
    return finished("hospital", sheet, "target")


def logs(rng: Rng) -> Export:
    """Requests to a web server, with tabs: seconds since 1970, times in milliseconds, addresses, `\\N` for missing cells."""
    draw, sheet = Draws(rng, 1500), Sheet(rng)
    time, clock, size = draw.moments("2024-03-01", 60), draw.whole(0, 1440), draw.gamma(20_000)
    latency, scrolled, cached = draw.gamma(1200), draw.uniform(0, 100), draw.flags(0.4)
    path = draw.pick("/ /login /search /cart /robots.txt /feed")
    score = 1.2 * z(size) + 1.3 * z(latency) + z(clock) - z(scrolled) + 0.8 * draw.effect(path) + 0.8 * z(time)
    sheet.dropped("session_id", draw.uuids())
    sheet.dropped("ip", draw.addresses())
    sheet.date("time", time, EPOCH_SECONDS)
    sheet.clock("local", clock)
    sheet.category("method", draw.pick("GET POST HEAD"))
    sheet.category("path", path, Gaps(0.05, ("-",)))
    sheet.number("bytes", size, 0, US, Gaps(0.06, ("-",)))
    sheet.number("latency", latency, 0, US.with_unit(" ms"), Gaps(0.15, ("\\N", "-")))
    sheet.number("scrolled", scrolled, 0, PLAIN.with_unit("%"), Gaps(0.12, ("none", "\\N")))
    sheet.boolean("cached", cached, "false FALSE", "true TRUE")
    sheet.number("cpu", draw.gamma(4), 2, PLAIN.with_unit(" s"))
    sheet.category("class", draw.labels(score + 0.5 * cached, "human bot", 0.6))
    sheet.repeat_rows(6)
    return finished("logs", sheet, "class", Dialect("\t"), suffix=".tsv")


def real_estate(rng: Rng) -> Export:
    """Houses for sale in the United States: prices of seven digits, square feet, acres, ZIP codes, descriptions."""
    draw, sheet = Draws(rng, 1400), Sheet(rng)
    price, area, lot, year = draw.gamma(900_000), draw.gamma(1900), draw.gamma(0.4), draw.whole(1900, 2024)
    zips, listed = draw.pick("01730 02134 02446 03031 05401 06510 10012 19103"), draw.days("2022-05-01", 700)
    change, garage, mood = draw.normal(0, 5), draw.flags(0.6), draw.normal()
    score = -1.3 * z(price) + 1.2 * z(area) + 0.7 * z(lot) + 0.6 * z(year) + z(change) + draw.effect(zips) + 0.6 * mood
    sheet.index(draw.n)
    sheet.dropped("MLS number", draw.customer_numbers())
    sheet.number("Price", price, 0, US.with_unit(before="$"))
    sheet.number("Area", area, 0, US.with_unit(" sqft"), Gaps(0.12, ("N/A", "-")))
    sheet.number("Lot", lot, 2, PLAIN.with_unit(" acres"), Gaps(0.15, ("unknown", "none")))
    sheet.number("Year built", year, 0, gaps=Gaps(0.15, ("unknown", "-", "N/A")))
    sheet.number("Price change", change, 1, ACCOUNTING.with_unit("%"), Gaps(0.05, ("-",)))
    sheet.category("ZIP code", zips, prefix="z")
    sheet.date("Listed", listed, "%d %b %Y")
    sheet.boolean("Garage", garage, "No no n", "Yes yes y", Gaps(0.08, ("unknown",)))
    sheet.number("HOA fee", draw.gamma(250), 2, US.with_unit(before="$"), Gaps(0.3, ("none", "-")))
    good, bad = ["sunny garden", "new kitchen", "close to schools"], ["needs work", "busy road", "small windows"]
    sheet.text("Description", draw.texts(mood, good, bad, ["three bedrooms", "wooden floors", "call for a visit"]))
    sheet.category("Target", draw.labels(score + 0.7 * z(listed) + 0.4 * garage, "slow fast"))
    return finished("real_estate", sheet, "Target")


def job_ads(rng: Rng) -> Export:
    """Job advertisements: salaries in pounds, years in words, moments with a Z, several markers of what was not said."""
    draw, sheet = Draws(rng, 1500), Sheet(rng)
    salary, years, staff = draw.gamma(52_000), draw.whole(0, 15), draw.gamma(2500)
    hours, posted, remote = draw.uniform(40, 100), draw.moments("2023-06-01", 500), draw.flags(0.4)
    field, mood = draw.pick("engineering design finance support"), draw.normal()
    score = 1.4 * z(salary) + 1.3 * z(years) - z(staff) + 0.9 * z(hours) + 0.7 * draw.effect(field) + 0.7 * mood
    sheet.dropped("url", [f"https://jobs.example.com/{key}" for key in draw.uuids()])
    sheet.date("posted", posted, ISO_Z, Gaps(0.05, ("unknown",)))
    sheet.category("field", field, blanks=0.2)
    sheet.number("salary", salary, 0, US.with_unit(before="£"), Gaps(0.12, ("n/a", "none", "-")))
    sheet.number("experience", years, 0, PLAIN.with_unit(" years"), Gaps(0.1, ("none", "unknown")))
    sheet.number("employees", staff, 0, US, Gaps(0.15, ("unknown", "")))
    sheet.number("workload", hours, 0, PLAIN.with_unit(" %"), Gaps(0.06, ("n/a",)))
    sheet.number("applicants", draw.counts(20), 0, gaps=Gaps(0.15, ("none", "N/A")))
    sheet.boolean("remote", remote, "no N FALSE", "Yes Y TRUE")
    sheet.dropped("contact", draw.emails())
    high, low = (
        ["lead a team", "own the roadmap", "deep expertise"],
        ["learn on the job", "assist the team", "first job"],
    )
    sheet.text("description", draw.texts(mood, high, low, FILLER, mark="; "))
    sheet.category("label", draw.labels(score + 0.6 * z(posted) + 0.4 * remote, "junior regular senior"))
    return finished("job_ads", sheet, "label")


def reviews(rng: Rng) -> Export:
    """Reviews in English, German and Chinese, with quotes and line ends in them, and prices in euros."""
    draw, sheet = Draws(rng, 1500), Sheet(rng)
    mood, price, helpful = draw.normal(), draw.gamma(400), draw.gamma(900)
    written, sentiment, verified = draw.days("2023-01-10", 600), draw.uniform(0, 100), draw.flags(0.6)
    which, words = draw.whole(0, 3), PHRASES.values()
    texts = [draw.texts(mood, *phrases, mark) for phrases, mark in zip(words, (",\n", ", ", "。"), strict=True)]
    score = 1.2 * mood - 1.3 * z(price) + 1.2 * z(helpful) + 1.3 * z(sentiment) + z(written)
    sheet.dropped("review id", draw.uuids())
    sheet.date("written", written, "%d %b %Y")
    sheet.category("language", np.array(list(PHRASES))[which])
    sheet.text("review", [texts[k][row] for row, k in enumerate(which.tolist())])
    sheet.number("price", price, 2, US.with_unit(before="€"), Gaps(0.08, ("n/a", "-")))
    sheet.number("helpful votes", helpful, 0, US, Gaps(0.12, ("none", "-")))
    sheet.number("score", sentiment, 0, PLAIN.with_unit("%"), Gaps(0.1, ("unknown",)))
    sheet.boolean("verified", verified, "No N", "Yes Y")
    sheet.category("label", draw.labels(score + 0.4 * verified, "negative positive"))
    return finished("reviews", sheet, "label")


def excel_de(rng: Rng) -> Export:
    """Orders from a German Excel: semicolons, decimal commas, points of thousands, days first, Windows' code page."""
    draw, sheet = Draws(rng, 1400), Sheet(rng)
    turnover, balance, rebate = draw.gamma(4200), draw.normal(300, 2500), draw.uniform(0, 20)
    weight, ordered, plz = draw.gamma(12), draw.days("2021-01-01", 1200), draw.pick("01067 04109 06108 10115 50667")
    town, dunned = draw.pick("Köln Zürich Münster Graz"), draw.flags(0.3)
    score = 1.3 * z(turnover) + 1.2 * z(balance) - z(rebate) + 0.8 * z(weight) + 0.9 * z(ordered) + draw.effect(plz)
    sheet.dropped("Kundennr.", draw.customer_numbers())
    sheet.date("Bestellt am", ordered, "%d.%m.%Y")
    sheet.category("PLZ", plz, prefix="p")
    sheet.category("Straßenname", draw.pick("Hauptstraße Gartenweg Ringallee"))
    sheet.category("Ort", town, Gaps(0.05, ("-",)), blanks=0.2)
    sheet.number("Umsatz", turnover, 2, GERMAN.with_unit(" €"), Gaps(0.05, ("-",)))
    sheet.number("Saldo", balance, 2, GERMAN, Gaps(0.08, ("#NV",)))
    sheet.number("Rabatt", rebate, 1, GERMAN.with_unit(" %"), Gaps(0.12, ("-", "n/a")))
    sheet.number("Gewicht", weight, 1, GERMAN.with_unit(" kg"), Gaps(0.1, ("", "-")))
    sheet.number("Stück", draw.gamma(1500), 0, GERMAN)
    sheet.boolean("Gemahnt", dunned, "FALSCH", "WAHR")
    sheet.category("Label", draw.labels(score + 0.7 * draw.effect(town) + 0.4 * dunned, "säumig pünktlich", 0.4))
    return finished("excel_de", sheet, "Label", Dialect(";", "cp1252", "\r\n"))


def excel_fr(rng: Rng) -> Export:
    """Subscriptions from a French Excel: semicolons, decimal commas, narrow blanks of thousands, UTF-8 with its mark."""
    draw, sheet = Draws(rng, 1400), Sheet(rng)
    income, gap, rate = draw.gamma(38_000), draw.normal(0, 1500), draw.uniform(0, 15)
    surface, start, code = draw.gamma(80), draw.days("2020-01-01", 1400), draw.pick("01000 02100 06000 13001 75011")
    formula, debit = draw.pick("Découverte Liberté Sérénité"), draw.flags(0.5)
    score = 1.3 * z(income) + 1.2 * z(gap) - z(rate) + 0.8 * z(surface) - 0.9 * z(start) + draw.effect(code)
    sheet.dropped("Nº client", draw.customer_numbers())
    sheet.dropped("Courriel", draw.emails())
    sheet.date("Début", start, "%d/%m/%Y", Gaps(0.05, ("", "-")))
    sheet.category("Code postal", code, prefix="c")
    sheet.number("Revenu", income, 2, FRENCH.with_unit("\u00a0€"), Gaps(0.1, ("n/a", "-")))
    sheet.number("Écart", gap, 2, FRENCH, Gaps(0.06, ("-",)))
    sheet.number("Taux", rate, 2, FRENCH.with_unit("\u00a0%"), Gaps(0.12, ("#N/A", "-")))
    sheet.number("Surface", surface, 1, FRENCH.with_unit("\u202fm²"), Gaps(0.15, ("N/A", "")))
    sheet.number("Contrats", draw.counts(3), 0)
    sheet.category("Formule", formula, blanks=0.2)
    sheet.boolean("Prélèvement", debit, "FAUX", "VRAI")
    sheet.category("label", draw.labels(score + 0.7 * draw.effect(formula) + 0.4 * debit, "résilié fidèle", 0.45))
    return finished("excel_fr", sheet, "label", Dialect(";", "utf-8-sig", "\r\n"))


def excel_ch(rng: Rng) -> Export:
    """Loans from a Swiss Excel, saved as "Unicode text": UTF-16 with tabs, francs in front, apostrophes of thousands."""
    draw, sheet = Draws(rng, 1400), Sheet(rng)
    amount, flow, rate = draw.gamma(85_000), draw.normal(500, 4000), draw.uniform(0, 9)
    income, opened, canton = draw.gamma(7000), draw.days("2019-06-01", 1500), draw.pick("ZH BE GE TI VD")
    bank, insured = draw.pick("00230 00761 04835 08390"), draw.flags(0.5)
    score = -1.2 * z(amount) + 1.3 * z(flow) - z(rate) + 1.2 * z(income) + 0.8 * z(opened) + draw.effect(bank)
    sheet.index(draw.n)
    sheet.dropped("Kunde", draw.customer_numbers())
    sheet.date("Eröffnet", opened, "%d.%m.%Y")
    sheet.category("Clearing", bank, prefix="b")
    sheet.category("Kanton", canton, Gaps(0.05, ("-",)))
    sheet.number("Betrag", amount, 2, SWISS.with_unit(before="CHF "))
    sheet.number("Saldo", flow, 2, SWISS, Gaps(0.1, ("-",)))
    sheet.number("Zins", rate, 2, PLAIN.with_unit("%"), Gaps(0.1, ("n/a", "-")))
    sheet.number("Einkommen", income, 0, SWISS.with_unit(before="CHF "), Gaps(0.15, ("unknown", "-", "")))
    sheet.number("Laufzeit", draw.whole(1, 120), 0, PLAIN.with_unit(" Mte"))
    sheet.boolean("Versichert", insured, "nein Nein", "ja Ja")
    sheet.category("label", draw.labels(score + 0.6 * draw.effect(canton) + 0.4 * insured, "bezahlt gekündigt", 0.6))
    return finished("excel_ch", sheet, "label", Dialect("\t", "utf-16", "\r\n", quote_all=True), suffix=".txt")


TABLES: tuple[Callable[[Rng], Export], ...] = (
    churn,
    sales,
    sensor,
    survey,
    hospital,
    logs,
    real_estate,
    job_ads,
    reviews,
    excel_de,
    excel_fr,
    excel_ch,
)
