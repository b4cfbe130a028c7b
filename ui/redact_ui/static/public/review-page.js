// The reviewer on a page of its own.
import { mount } from "../review/main.js";

const element = document.getElementById("review");
if (element) {
  const { footage, csrf = "", release } = element.dataset;
  mount({ element, footage: Number(footage), csrf, release: release || null });
}
