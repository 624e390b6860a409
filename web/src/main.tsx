import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/rest";
import { App } from "./app";
import { applyTheme, storedTheme } from "./features/settings/theme";
import { ToastProvider } from "./ui/toast";
import "./ui/styles/base.css";
import "./ui/styles/controls.css";
import "./ui/styles/layout.css";
import "./ui/styles/enter.css";
import "./ui/styles/chat.css";
import "./ui/styles/tools.css";
import "./ui/styles/approvals.css";
import "./ui/styles/composer.css";
import "./ui/styles/prose.css";

applyTheme(storedTheme());

const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      refetchOnWindowFocus: false,
      networkMode: "always",
      // A refusal will be refused again; only an unreachable or busy server is worth another try.
      retry: (failures, error) => failures < 2 && !(error instanceof ApiError && !error.retryable),
    },
    mutations: { networkMode: "always" },
  },
});

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <ToastProvider>
          <App />
        </ToastProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}
