"""From what machine learning is to a transformer you have built.

Read the modules in this order; each one imports only from those before it.

1. :mod:`transformer_path.learning.supervised`
2. :mod:`transformer_path.learning.unsupervised`
3. :mod:`transformer_path.networks.autograd`
4. :mod:`transformer_path.networks.feedforward`
5. :mod:`transformer_path.networks.normalization`
6. :mod:`transformer_path.networks.optimization`
7. :mod:`transformer_path.networks.regularization`
8. :mod:`transformer_path.sequences.convolution`
9. :mod:`transformer_path.sequences.recurrent`
10. :mod:`transformer_path.sequences.seq2seq`
11. :mod:`transformer_path.transformer.attention`
12. :mod:`transformer_path.transformer.blocks`
13. :mod:`transformer_path.transformer.encoder_decoder`
14. :mod:`transformer_path.transformer.recipe`
15. :mod:`transformer_path.transformer.tokenizer`
16. :mod:`transformer_path.transformer.tokenizer_training`
17. :mod:`transformer_path.variants.corpus`
18. :mod:`transformer_path.variants.gpt`
19. :mod:`transformer_path.variants.generation`
20. :mod:`transformer_path.variants.writer`
21. :mod:`transformer_path.variants.pretraining`
22. :mod:`transformer_path.variants.bert`
23. :mod:`transformer_path.variants.vit`
24. :mod:`transformer_path.variants.llama`
25. :mod:`transformer_path.variants.mixture`
26. :mod:`transformer_path.variants.three_minutes`
27. :mod:`transformer_path.variants.lora`

What every chapter shares (data, training, figures, exercises) lies in
:mod:`transformer_path.workshop`.
"""
