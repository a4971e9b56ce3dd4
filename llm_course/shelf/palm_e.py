"""PaLM-E in miniature: an image and a robot's state become embeddings among the words of a prompt.

The mechanism of Driess and others 2023 (arXiv 2303.03378, section 3): observations are encoded into vectors of the
size of word embeddings, which take the places of ``<image>`` and ``<state>`` in the prompt; a decoder-only language
model goes on from there. Knows nothing about tables, robots or how it is loaded. The library's are the vision
transformer (``ViTModel``) and the language model (``LlamaForCausalLM``). Ours are the two encoders' last layers and
the few lines that put the vectors where the placeholders are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
    ViTConfig,
    ViTModel,
)


class PalmEMiniConfig(PretrainedConfig):
    """Sizes of the parts.

    Args:
        vision_config: of the library's ``ViTConfig``.
        text_config: of the library's ``LlamaConfig``.
        state_size: numbers in a state vector.
        image_token_id, state_token_id: the words that observations replace.
        relations: classes of the auxiliary reading of each patch; only training uses it.
    """

    model_type = "palm-e-mini"
    sub_configs = {"vision_config": ViTConfig, "text_config": LlamaConfig}

    def __init__(
        self,
        vision_config: Any = None,
        text_config: Any = None,
        state_size: int = 8,
        image_token_id: int = 3,
        state_token_id: int = 4,
        relations: int = 21,
        **more: Any,
    ) -> None:
        self.vision_config = ViTConfig(**vision_config) if isinstance(vision_config, dict) else vision_config
        self.text_config = LlamaConfig(**text_config) if isinstance(text_config, dict) else text_config
        self.vision_config = self.vision_config or ViTConfig()
        self.text_config = self.text_config or LlamaConfig()
        self.state_size, self.relations = state_size, relations
        self.image_token_id, self.state_token_id = image_token_id, state_token_id
        super().__init__(**more)


class PalmEMini(PreTrainedModel):
    """A vision transformer and a state encoder in front of a decoder-only language model."""

    config_class = PalmEMiniConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    _supports_sdpa = True

    def __init__(self, config: PalmEMiniConfig) -> None:
        super().__init__(config)
        width = config.text_config.hidden_size
        self.vision = ViTModel(config.vision_config, add_pooling_layer=False)
        self.project = nn.Linear(config.vision_config.hidden_size, width)
        self.state_encoder = nn.Sequential(nn.Linear(config.state_size, width), nn.GELU(), nn.Linear(width, width))
        self.text = LlamaForCausalLM(config.text_config)
        self.relation_head = nn.Linear(config.vision_config.hidden_size, config.relations)
        self.post_init()

    @property
    def patches(self) -> int:
        """Embeddings that one image becomes."""
        vision = self.config.vision_config
        (height, width), patch = vision.image_size, vision.patch_size
        return (height // patch) * (width // patch)

    def encode_image(self, image: torch.Tensor) -> torch.Tensor:
        """Images ``(images, height, width, 3)``, 0 to 255, to embeddings ``(images, patches, width)``."""
        return self.project(self.see(image))

    def see(self, image: torch.Tensor) -> torch.Tensor:
        """What the vision transformer makes of each patch, ``(images, patches, vision width)``."""
        scaled = (image.to(self.project.weight.dtype) / 255 - 0.5) / 0.25
        return self.vision(pixel_values=scaled.permute(0, 3, 1, 2)).last_hidden_state[:, 1:]  # without [CLS]

    def encode_state(self, state: torch.Tensor) -> torch.Tensor:
        """State vectors ``(states, numbers)`` to one embedding each, ``(states, width)``."""
        return self.state_encoder(state.to(self.project.weight.dtype))

    def embed(
        self,
        input_ids: torch.Tensor,
        image: torch.Tensor | None = None,
        state: torch.Tensor | None = None,
        image_embeddings: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The prompt as vectors, ``(prompts, tokens, width)``, observations where their placeholders were.

        Args:
            input_ids: ``(prompts, tokens)``; each ``<image>`` stands there ``patches`` times, ``<state>`` once.
            image: ``(images, height, width, 3)``, in the order in which the prompts name them.
            state: ``(states, numbers)``, likewise.
            image_embeddings: instead of ``image``, if they are there already.

        Raises:
            ValueError: there are more or fewer observations than placeholders.
        """
        vectors = self.text.get_input_embeddings()(input_ids)
        if image_embeddings is None and image is not None:
            image_embeddings = self.encode_image(image)
        observed = (
            (self.config.image_token_id, image_embeddings),
            (self.config.state_token_id, None if state is None else self.encode_state(state)),
        )
        for token, found in observed:
            here = input_ids == token
            wanted, given = int(here.sum()), 0 if found is None else found.numel() // found.shape[-1]
            if wanted != given:
                raise ValueError(f"The prompts have {wanted} places for observations of token {token}, not {given}.")
            if found is not None:
                vectors = vectors.masked_scatter(here[..., None], found.to(vectors.dtype))
        return vectors

    def forward(
        self, input_ids: torch.Tensor, image: torch.Tensor | None = None, state: torch.Tensor | None = None, **more: Any
    ) -> Any:
        """Scores of the next word, as ``LlamaForCausalLM`` gives them; ``more`` goes to it."""
        return self.text(inputs_embeds=self.embed(input_ids, image, state), **more)


AutoConfig.register(PalmEMiniConfig.model_type, PalmEMiniConfig, exist_ok=True)
