/** The colours that this person chose, set before anything is painted. A classic script, since a module comes later. */
{
  const root = document.documentElement;
  try {
    const { theme } = JSON.parse(localStorage.getItem(`notificacoes:${root.dataset.person}:preferencias`) ?? "{}");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    // no storage here: the system's colours
  }
}
