import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import ts from "typescript-eslint";

export default ts.config(
  { ignores: ["dist", "coverage"] },
  js.configs.recommended,
  ...ts.configs.strict,
  hooks.configs["recommended-latest"],
  {
    rules: {
      "max-lines": ["error", 400],
      "no-restricted-syntax": [
        "error",
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "Raw HTML is never rendered." },
      ],
    },
  },
);
