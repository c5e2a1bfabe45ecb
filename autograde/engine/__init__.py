"""Runs submissions: a warm parent forks a locked-up student process and a judge for each of them.

`session` asks `warm`, through `processes`, for the two; it feeds cells to `student` and test cells to `judge`, hands
the judge's questions on to the student process and collects `outputs`. `wire` is the language they all speak,
`sandbox` chooses the walls and `jail` builds them.
"""
