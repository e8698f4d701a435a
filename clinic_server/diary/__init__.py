"""The diary: what the wearer felt, marked on the trace; grave entries call for help."""
