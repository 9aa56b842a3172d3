"""Pictures: plain SVG in the colours of the page, each with the same in words and as text.

Geometry is regular (chains, rows, lanes), so that equal facts give equal bytes.
"""
