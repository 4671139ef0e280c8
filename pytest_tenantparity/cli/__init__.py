"""The command ``tenantparity``."""
