"""How quick reading is, from ten thousand locations to a million: `make bench`.

`plan` says what there is, `build` makes it with `data.sql`, `sample` picks the people, `contenders` are three
ways to answer each question, `writing` what changes cost, `measure` counts and times, `gates` are the bounds,
which `python -m tests.bench --gate` holds on every change, and `report` writes docs/benchmarks.md.
"""
