"""What is on disk: public layouts in, our own layout in and out.

``discovery.find_models`` says what there is, ``loading.load`` makes a ``bundle.Tora2Bundle`` of one of its answers.
"""
