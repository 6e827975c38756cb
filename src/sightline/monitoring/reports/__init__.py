"""Reports of a day, a week or any other time, from summaries: as facts, as words, as a page."""
