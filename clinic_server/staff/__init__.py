"""Who works here: sign-in, roles, duty roster, audit."""
