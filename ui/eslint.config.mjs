import js from "@eslint/js";
import globals from "globals";

const SHARP = {
  eqeqeq: "error",
  "no-var": "error",
  "prefer-const": "error",
  "no-shadow": "error",
  "no-unused-private-class-members": "error",
  "no-implicit-coercion": "error",
  "no-promise-executor-return": "error",
  "no-self-compare": "error",
  "no-unmodified-loop-condition": "error",
  "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
  "array-callback-return": "error",
  "consistent-return": "error",
  "default-case-last": "error",
  "no-else-return": "error",
  "no-eval": "error",
  "no-implied-eval": "error",
  "no-new-func": "error",
  "no-script-url": "error",
  "no-throw-literal": "error",
  "object-shorthand": "error",
  // Whatever a person or a file has written gets into a page as text and in no other way.
  "no-restricted-properties": [
    "error",
    ...["innerHTML", "outerHTML", "insertAdjacentHTML"].map((property) => ({ property, message: "Use h() or textContent." })),
    { object: "document", property: "write" },
  ],
  // The constructor says which fields an object has.
  "no-restricted-syntax": [
    "error",
    {
      selector: "CallExpression[callee.object.name='Object'][callee.property.name='assign'] > ThisExpression",
      message: "Declare the fields one by one.",
    },
  ],
  complexity: ["error", 24],
  "max-lines": ["error", 450],
  "max-params": ["error", 4],
};

export default [
  js.configs.recommended,
  {
    files: ["**/*.js", "**/*.mjs"],
    languageOptions: { ecmaVersion: 2022, sourceType: "module" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: SHARP,
  },
  { files: ["**/static/**"], languageOptions: { globals: globals.browser } },
  { files: ["**/static/pages/connection.js"], languageOptions: { sourceType: "script" } },
  { files: ["**/tests/frontend/**"], languageOptions: { globals: { ...globals.node, window: "readonly" } } },
];
