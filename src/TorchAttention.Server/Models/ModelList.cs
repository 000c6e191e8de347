using System.Buffers;

namespace TorchAttention.Server.Models;

/// <summary><c>GET /v1/models</c>: what the models are.</summary>
internal static class ModelList
{
    public static async Task WriteAsync(HttpContext context, ModelStore models)
    {
        var text = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(text))
        {
            json.WriteStartObject();
            json.WriteStartArray("models");
            foreach ((string name, ServedModel model) in models.All)
            {
                json.WriteStartObject();
                json.WriteString("name", name);
                json.WriteStartArray("features");
                foreach (string feature in model.Columns.Features)
                {
                    json.WriteStringValue(feature);
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        context.Response.ContentType = "application/json";
        await context.Response.BodyWriter.WriteAsync(text.WrittenMemory);
    }
}
