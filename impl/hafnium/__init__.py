"""The hypercall layer of a hypervisor, at revision R4: plain Python, no dependencies."""
