"""The ABI as other tools read it: files in languages, made from the specification."""

LANGUAGES = ("c", "rust", "python", "json")
