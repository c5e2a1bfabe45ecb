"""A class that cheats, breaks things and breaks out: graded once for real, one look at each student's result."""
