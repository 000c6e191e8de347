using System.Threading.RateLimiting;
using TorchAttention.Cli.Output;
using TorchAttention.Files;
using TorchAttention.Numerics.Regression;
using TorchAttention.Server.Guards;
using TorchAttention.Server.Metrics;
using TorchAttention.Server.Models;

namespace TorchAttention.Server.Requests;

/// <summary><c>POST /v1/models/{name}/predict</c>: what <c>predict</c> does with a file, for a request.</summary>
internal sealed class PredictEndpoint(ServerSettings settings, ModelStore models, ServerMetrics metrics, Admission admission)
{
    private const string Body = "request body";

    /// <summary>What may be asked.</summary>
    public RequestParameters.Reader Parameters { get; } = new(models.All.Select(one => one.Model.Shards).FirstOrDefault());

    public async Task AnswerAsync(HttpContext context)
    {
        string name = (string)context.Request.RouteValues["name"]!;
        ServedModel model = Find(name);
        RequestParameters parameters = Parameters.Read(context.Request);
        RowFormat from = RowFormat.OfBody(context.Request);
        RowFormat to = RowFormat.OfAnswer(context.Request, from);
        PredictionOptions options = Check(model, parameters);

        // A brief body that is there as a whole has no need of a clock.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        Task<RequestBody> reading = RequestBody.ReadAsync(context.Request, stop.Token);
        if (!reading.IsCompletedSuccessfully || !(await reading).IsBrief || model.Shards is not null)
        {
            stop.CancelAfter(settings.MostTime);
        }

        try
        {
            RequestBody body = await reading;
            using RateLimitLease lease = await admission.EnterAsync(stop.Token);
            using var answer = new AnswerBuffer();
            context.Response.ContentType = to.ContentType;
            void Work() => metrics.Predicted(name, Predict(model, parameters, options, body, (from, to), answer, context, stop.Token));
            if (body.Whole is not null && model.Shards is null)
            {
                Work();
            }
            else
            {
                // It waits for the client, or for silos, now and then: a thread of its own, not one of those that answer short requests.
                await Task.Factory.StartNew(Work, stop.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            }

            if (!context.Response.HasStarted)
            {
                context.Response.ContentLength = answer.Length;
            }

            await answer.SendAsync(context.Response.BodyWriter, stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
        {
            string most = settings.MostTime.TotalSeconds.ToString(CultureInfo.InvariantCulture);
            throw new TimeoutException($"expected a request of at most {most} seconds, got a longer one");
        }
    }

    private ServedModel Find(string name) => models.Find(name)
        ?? throw new RequestException(
            StatusCodes.Status404NotFound,
            $"no model '{PlainText.Brief(name)}'{PlainText.DidYouMean(name, models.Names)}; there are "
                + PlainText.List([.. models.Names]));

    private static PredictionOptions Check(ServedModel model, RequestParameters parameters) =>
        model.Shards is not null ? parameters.Request.Options
        : model.Fitted is { } fitted ? fitted.Check(parameters.Request)
        : parameters.RefusedForTrained is { } refused ? throw CliException.WrongInput(refused.Message)
        : parameters.Request.Options;

    private long Predict(
        ServedModel model, RequestParameters parameters, PredictionOptions options, RequestBody body, (RowFormat From, RowFormat To) format,
        AnswerBuffer answer, HttpContext context, CancellationToken cancellationToken)
    {
        using Stream stream = body.Open(cancellationToken);
        using TableRows rows = format.From == RowFormat.Csv ? CsvRows.Open(stream, Body, parameters.Csv)
            : JsonSource.Open(stream, Body, parameters.Csv);
        var queries = new RowsToPredict(rows, model.Fitted?.ColumnsFor(parameters.Request) ?? model.Columns, parameters.Keep);
        long count = 0;
        queries.Predict(
            RowText.Create(format.To.Ending, answer, parameters.Csv),
            written => model.Shards is { } shards ? shards.Begin(written, parameters.Shards!, options, Body)
                : model.Begin(written, options, Body),
            read =>
            {
                count += read;
                cancellationToken.ThrowIfCancellationRequested();
                if (count > settings.MostRows)
                {
                    throw new RequestException(
                        StatusCodes.Status413PayloadTooLarge, $"expected at most {settings.MostRows} rows, got more");
                }

                if (parameters.IsStreamed && body.Whole is null)
                {
                    answer.SendAsync(context.Response.BodyWriter, cancellationToken).GetAwaiter().GetResult();
                }
            },
            null,
            cancellationToken);
        if (rows.DroppedRows > 0 && !context.Response.HasStarted)
        {
            context.Response.Headers["Dropped-Rows"] = rows.DroppedRows.ToString(CultureInfo.InvariantCulture);
        }

        return count;
    }
}
