"""Studies: what each choice of the network and of its training is worth, beside ridge on the same data.

A *variant* changes some switches of the run (features of the state point, lengths, attention, the two steps,
T_min, number of structures, losses). It is trained as the workflow trains, by the same stages on the same
files, and compared with ridge regression that has the same descriptors, training structures and T_min, on all
measured state points: at temperatures learnt from and below them.
"""
