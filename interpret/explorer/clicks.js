// Tells where the explorer's picture is clicked, in its own pixels: it is drawn as large as its box allows, centred.
export default {
  render({ model, el }) {
    el.style.display = "none";
    const tell = event => {
      const image = event.target;
      if (!image.matches(".interpret-explorer .widget-image") || !image.closest(".interpret-explorer").contains(el)) return;
      const box = image.getBoundingClientRect();
      const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
      model.send({
        x: (event.clientX - box.left - (box.width - scale * image.naturalWidth) / 2) / scale,
        y: (event.clientY - box.top - (box.height - scale * image.naturalHeight) / 2) / scale,
      });
    };
    document.addEventListener("click", tell);
    return () => document.removeEventListener("click", tell);
  },
};
