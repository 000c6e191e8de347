using TorchAttention.Cli.Output;

namespace TorchAttention.Server.Models;

/// <summary><c>GET /openapi.json</c>: the paths, with the columns of each model by name (OpenAPI 3.1).</summary>
internal static class OpenApiDocument
{
    private const string Json = "application/json";

    /// <param name="json">Within an object.</param>
    /// <param name="models">The models.</param>
    /// <param name="parameters">What a prediction may be asked with.</param>
    public static void Write(Utf8JsonWriter json, ModelStore models, (string Name, string Description)[] parameters)
    {
        json.WriteString("openapi", "3.1.0");
        json.WriteObject("info", () =>
        {
            json.WriteString("title", "TorchAttention");
            json.WriteString("version", ProgramVersion.Text);
        });
        json.WriteObject("paths", () =>
        {
            Get("/healthz", "Whether the server answers", "text/plain");
            Get("/metrics", "Counts and times, as Prometheus reads them", "text/plain");
            Get("/v1/models", "The models", Json);
            foreach ((string name, ServedModel model) in models.All)
            {
                string path = $"/v1/models/{Uri.EscapeDataString(name)}/predict";
                json.WriteObject(path, () => json.WriteObject("post", () => Predict(name, model)));
            }
        });

        void Get(string path, string summary, string type) => json.WriteObject(path, () => json.WriteObject("get", () =>
        {
            json.WriteString("summary", summary);
            json.WriteObject("responses", () => Response("200", "The answer", type));
        }));

        void Response(string status, string description, params string[] types) => json.WriteObject(status, () =>
        {
            json.WriteString("description", description);
            json.WriteObject("content", () => Array.ForEach(types, type => json.WriteObject(type, () => { })));
        });

        void Predict(string name, ServedModel model)
        {
            json.WriteString("summary", $"Predictions of {name} for rows");
            json.WriteObjects("parameters", parameters, parameter =>
            {
                json.WriteString("name", parameter.Name);
                json.WriteString("in", "query");
                json.WriteString("description", parameter.Description);
                json.WriteObject("schema", () => json.WriteString("type", "string"));
            });
            json.WriteObject("requestBody", () =>
            {
                json.WriteBoolean("required", true);
                json.WriteObject("content", () =>
                {
                    json.WriteObject(Json, () => json.WriteObject("schema", () =>
                    {
                        json.WriteString("type", "array");
                        json.WriteObject("items", () => Row(model.Columns));
                    }));
                    json.WriteObject("application/x-ndjson", () => json.WriteObject("schema", () => Row(model.Columns)));
                    json.WriteObject("text/csv", () => json.WriteString("example", string.Join(',', Names(model.Columns))));
                });
            });
            json.WriteObject("responses", () =>
            {
                Response("200", "The rows with what is predicted for each", Json, "application/x-ndjson", "text/csv");
                Response("400", "One line that says what is wrong, with row and column", Json, "text/plain");
                Response("413", "Too long a body, or too many rows", Json, "text/plain");
                Response("503", "Too many requests at once", Json, "text/plain");
            });
        }

        void Row(QueryColumns columns)
        {
            json.WriteString("type", "object");
            json.WriteStrings("required", Names(columns));
            json.WriteObject("properties", () =>
            {
                for (int j = 0; j < columns.Features.Length; j++)
                {
                    IReadOnlyList<string>? levels = j < columns.Levels.Length ? columns.Levels[j] : null;
                    json.WriteObject(columns.Features[j], () =>
                    {
                        json.WriteString("type", columns.Kinds[j] == ColumnKind.Number ? "number" : "string");
                        if (levels is not null)
                        {
                            json.WriteStrings("enum", levels);
                        }
                    });
                }

                if (columns.By is not null)
                {
                    json.WriteObject(columns.By, () => json.WriteString("type", "string"));
                }
            });
        }
    }

    private static IEnumerable<string> Names(QueryColumns columns) =>
        columns.By is null ? columns.Features : columns.Features.Append(columns.By);
}
