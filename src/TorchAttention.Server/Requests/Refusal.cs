using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using TorchAttention.Server.Guards;

namespace TorchAttention.Server.Requests;

/// <summary>What becomes of an error: a status, and one line as the client reads it.</summary>
internal static class Refusal
{
    private const int Longest = 1500;

    // A line of JSON is no page: quotation marks are read as they are.
    private static readonly JsonWriterOptions _plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Does some work, and answers with a line where it fails.</summary>
    public static async Task GuardAsync(HttpContext context, Func<HttpContext, Task> work, Action<string> log)
    {
        try
        {
            await work(context);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone.
            context.Abort();
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            (int status, string line) = Explain(e, context);
            if (status >= StatusCodes.Status500InternalServerError && e is not RequestException)
            {
                log($"{context.Request.Path}: {line}");
            }

            await WriteAsync(context, status, line);
        }
        catch (Exception e)
        {
            // Too late for a status: the connection's end says that something is missing.
            log($"{context.Request.Path}: {Explain(e, context).Line}");
            context.Abort();
        }
    }

    /// <summary>Answers with a line: an object with an error for who reads JSON, text for others.</summary>
    public static async Task WriteAsync(HttpContext context, int status, string line)
    {
        string told = PlainText.Brief(PlainText.Escape(line.ReplaceLineEndings(" ")), Longest);
        HttpResponse response = context.Response;
        StringValues allowed = response.Headers.Allow;
        response.Clear();
        response.Headers.Allow = allowed;
        response.StatusCode = status;
        if (status == StatusCodes.Status503ServiceUnavailable)
        {
            response.Headers.RetryAfter = "1";
        }
        else if (status == StatusCodes.Status401Unauthorized)
        {
            response.Headers.WWWAuthenticate = new StringValues(["Bearer", "Basic realm=\"torchattention\""]);
        }

        if (!ReadsJson(context.Request))
        {
            response.ContentType = "text/plain; charset=utf-8";
            await response.WriteAsync(told + "\n");
            return;
        }

        await JsonAnswer.WriteAsync(context, json => json.WriteString("error", told), _plain);
    }

    private static (int Status, string Line) Explain(Exception e, HttpContext context) => e switch
    {
        RequestException refused => (refused.Status, refused.Message),
        BadHttpRequestException bad => (bad.StatusCode, Explain(bad, context)),
        CliException { ExitCode: ExitCode.WrongInput } or TableException => (StatusCodes.Status400BadRequest, e.Message),
        TimeoutException => (StatusCodes.Status408RequestTimeout, e.Message),
        _ => (StatusCodes.Status500InternalServerError, $"{e.GetType().Name}: {e.Message}"),
    };

    private static string Explain(BadHttpRequestException e, HttpContext context) => e.StatusCode switch
    {
        StatusCodes.Status413PayloadTooLarge =>
            $"expected at most {context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize} bytes, got more",
        StatusCodes.Status408RequestTimeout => "expected the body without long pauses, got too few bytes a second",
        _ => e.Message,
    };

    private static bool ReadsJson(HttpRequest request)
    {
        string accept = request.Headers.Accept.ToString();
        return accept.Contains("json", StringComparison.OrdinalIgnoreCase) || accept is "" or "*/*"
            && request.ContentType?.Contains("json", StringComparison.OrdinalIgnoreCase) == true;
    }
}
