"""The generated pages: one module for each kind.

Each takes the subject and gives lines of reStructuredText that use the directives and roles of the domain.
"""
