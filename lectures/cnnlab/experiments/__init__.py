"""The long runs behind the lectures' records: each module writes `lectures/results/<its name>.json`.

Run one by `python -m cnnlab.experiments.<its name>`, with CNNLAB_DATA set to a folder that holds CIFAR-10.
"""
