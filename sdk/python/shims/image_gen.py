"""The old host module `image_gen`. There is no image model inside: the answer has the old error shape."""


def generate_image(prompt, negative_prompt=None, num_steps=20):
    return {
        "error": "Pictures cannot be made here: no image model runs where tools are contained.",
        "prompt": prompt,
    }
