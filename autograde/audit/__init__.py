"""Are an assignment's tests any good? Right answers have to pass them, wrong ones have to fail.

`mutants` makes wrong answers of the solution, `answers` reads those that an author wrote down, `variants` makes right
ones; `trial` runs them all, `checks` compares source and release, `report` tells.
"""
