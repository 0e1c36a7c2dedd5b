"""What a file is, told by its name: its language, and whether it holds tests."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

OTHER = "Other"

_BY_SUFFIX = {
    suffix: language
    for language, suffixes in {
        "Assembly": ".asm .s",
        "C": ".c .h",
        "C#": ".cs",
        "C++": ".cc .cpp .cxx .hh .hpp",
        "Clojure": ".clj .cljs",
        "CSS": ".css .less .sass .scss",
        "Dart": ".dart",
        "Elixir": ".ex .exs",
        "Erlang": ".erl",
        "Go": ".go",
        "GraphQL": ".gql .graphql",
        "Haskell": ".hs",
        "HTML": ".htm .html",
        "Java": ".java",
        "JavaScript": ".cjs .js .jsx .mjs",
        "JSON": ".json .jsonl .ndjson",
        "Julia": ".jl",
        "Kotlin": ".kt .kts",
        "Lua": ".lua",
        "Markdown": ".markdown .md .mdx",
        "Nix": ".nix",
        "Objective-C": ".m .mm",
        "OCaml": ".ml .mli",
        "Perl": ".pl .pm",
        "PHP": ".php",
        "Protocol Buffers": ".proto",
        "Python": ".py .pyi .pyx",
        "R": ".r",
        "reStructuredText": ".rst",
        "Ruby": ".rb .rake",
        "Rust": ".rs",
        "Scala": ".scala",
        "Shell": ".bash .fish .sh .zsh",
        "SQL": ".sql",
        "Svelte": ".svelte",
        "SVG": ".svg",
        "Swift": ".swift",
        "Text": ".adoc .csv .tex .tsv .txt",
        "TOML": ".cfg .conf .ini .toml",
        "TypeScript": ".cts .mts .ts .tsx",
        "Vue": ".vue",
        "XML": ".xml .xsd .xsl",
        "YAML": ".yaml .yml",
        "Zig": ".zig",
    }.items()
    for suffix in suffixes.split()
}
_BY_NAME = {"dockerfile": "Dockerfile", "makefile": "Makefile", "gemfile": "Ruby", "rakefile": "Ruby"}

# Languages that are written rather than run: they count as neither code nor tests.
PROSE_AND_DATA = frozenset(
    {OTHER, "JSON", "Markdown", "reStructuredText", "SVG", "Text", "TOML", "XML", "YAML"}
)

_TEST_FOLDERS = frozenset({"test", "tests", "testing", "spec", "specs", "__tests__", "e2e"})
_TEST_NAME = re.compile(
    r"test_.+|.+_tests?\..+|.+_spec\..+|.+\.(test|spec)\..+|.*[a-z0-9](Test|Tests|Spec)\..+|conftest\.py"
)


def language(path: str) -> str:
    """Return the language of the file at `path`, `Other` when its name tells none."""
    name = PurePosixPath(path)
    return _BY_NAME.get(name.name.lower()) or _BY_SUFFIX.get(name.suffix.lower(), OTHER)


def is_code(path: str) -> bool:
    """Whether the file is a program rather than prose or data."""
    return language(path) not in PROSE_AND_DATA


def is_test(path: str) -> bool:
    """Whether the file belongs to a test suite, by the habits of the common languages."""
    name = PurePosixPath(path)
    return not _TEST_FOLDERS.isdisjoint(part.lower() for part in name.parts[:-1]) or bool(
        _TEST_NAME.fullmatch(name.name)
    )
