"""Products that gemm.py times, rows x columns x inner: patching's own (12 questions of 3 positions), large ones."""
SHAPES = [[36, 512, 1024], [128, 512, 1024], [512, 512, 1024], [1024, 1024, 1024], [2048, 2048, 2048]]
LARGE = [[4096, 4096, 4096], [8192, 8192, 8192]]  # what it takes to fill a GPU
