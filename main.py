"""What `flet build` starts: it wants a file in the root of what it packs."""

from app.standalone import main

main()
