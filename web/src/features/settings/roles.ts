import type { Role } from "../../api/types";

const order: readonly Role[] = ["guest", "member", "admin", "owner"];

export const roleNames: Record<Role, string> = {
  guest: "Guest – reads what is shared",
  member: "Member – chats and uses tools",
  admin: "Admin – manages people and skills",
  owner: "Owner",
};

export function isAtLeast(role: Role, least: Role): boolean {
  return order.indexOf(role) >= order.indexOf(least);
}

/** Whether somebody with this role may change somebody with that one: nobody changes who stands as high. */
export function mayChange(mine: Role, theirs: Role): boolean {
  return isAtLeast(mine, "admin") && order.indexOf(mine) > order.indexOf(theirs);
}

/** The roles that somebody with this role may give. There is one owner, and his place is handed over, not given. */
export function rolesToGive(mine: Role): Role[] {
  return order.filter((role) => role !== "owner" && isAtLeast(mine, role));
}
