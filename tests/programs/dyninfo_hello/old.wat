;; As the first tool wrote the section: a statement of JavaScript.
(module (@custom "dyninfo" "var dyninfo; dyninfo = { ref: [] };\0a"))
