"""Models that read pictures: CheXRay's findings, the COVID-19 answer, and the repository of models behind both."""
