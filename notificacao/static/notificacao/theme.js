/** Set the colours that this person chose before anything is painted. A classic script, since a module runs later. */
{
  const root = document.documentElement;
  try {
    const { theme } = JSON.parse(localStorage.getItem(`notificacoes:${root.dataset.person}:preferencias`) ?? "{}");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    // no storage here: the system's colours
  }
}
