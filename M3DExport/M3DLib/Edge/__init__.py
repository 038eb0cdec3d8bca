"""Where the image's edge lies at a surface: sampling, search, fit, blur, noise, thin walls, uncertainty."""
