"""A harness that releases, checks and grades nbgrader assignments."""
