# Parts of a run that can be asked for by name: make run TARGET=dynamics, or snakemake -- dynamics.


rule structures:
    input:
        part_files("structures"),


rule dynamics:
    input:
        part_files("dynamics"),


rule descriptors:
    input:
        part_files("descriptors"),


rule networks:
    input:
        part_files("networks"),


rule predictions:
    input:
        part_files("predictions"),


rule tables:
    input:
        part_files("tables"),


rule figures:
    input:
        part_files("figures"),
