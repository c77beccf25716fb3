from cxrun.cli import main

main()
