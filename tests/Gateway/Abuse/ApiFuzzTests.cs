using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using Granary.Testing.Unkind;
using Xunit.Abstractions;

namespace Granary.Gateway.Tests.Abuse;

/// <summary>Every operation of the management API, asked for with hostile paths, queries, methods, headers and bodies.</summary>
/// <remarks>GRANARY_TEST_FUZZ says how often each operation is asked (8 unless told), GRANARY_TEST_FUZZ_SEED with which seed.</remarks>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
[Collection(AbusedBroker.Collection)]
public sealed class ApiFuzzTests(AbusedBroker broker, ITestOutputHelper output)
{
    private const long MostGrowth = 64L << 20;
    private const int AtATime = 8, RefusedLoginToThePage = 1681;

    private static readonly int Rounds = Fuzzing.Rounds(8);

    /// <summary>What there is not here and is in RabbitMQ: docs/compatibility.md names it.</summary>
    private static readonly string[] NotImplemented =
    [
        "DELETE /api/reset", "DELETE /api/reset/{node}", "GET /api/users/{user}/queues", "PUT /api/traces/{vhost}/{name}", "PUT /api/traces/node/{node}/{vhost}/{name}",
    ];

    [Fact]
    public async Task EveryOperation_AskedForInHostileWays_IsAnsweredAndHarmsNobody()
    {
        var operations = await OperationsAsync();
        Assert.Empty(HostileJson.Right.Keys.Concat(NotImplemented).Except(operations));
        foreach (var vhost in new[] { "fz", "fz-other" })
        {
            using var made = await broker.Client.PutAsync(new Uri($"vhosts/{vhost}", UriKind.Relative), null);
            Assert.True(made.IsSuccessStatusCode);
        }

        var requests = new ApiRequests(operations, broker.Node, Fuzzing.Seed);
        await using var others = OtherClients.Of(broker.Broker);

        // The first warm the broker up: what it keeps from them is no leak.
        var statuses = new ConcurrentDictionary<int, int>();
        await AskAsync(requests, operations.Count * Rounds / 2, statuses);
        var before = await broker.LookAsync();
        await AskAsync(requests, operations.Count * Rounds / 2, statuses);
        var trips = await others.StopAsync();
        var after = await broker.LookAsync();

        output.WriteLine($"{operations.Count} operations; {string.Join(", ", statuses.OrderBy(static pair => pair.Key).Select(static pair => $"{pair.Key}: {pair.Value}"))}; {trips} round trips of others; {before}, {after}");
        Assert.InRange(after.ResidentBytes - before.ResidentBytes, long.MinValue, MostGrowth);
        Assert.InRange(after.Descriptors, 0, before.Descriptors + 50);
        broker.CheckLog(RefusedLoginToThePage);

        // What is right is among it, too: else nothing but the framework's own refusals would have been tried.
        Assert.True(statuses.ContainsKey(201));
        Assert.All([200, 204, 400, 401, 404, 405], status => Assert.True(statuses.GetValueOrDefault(status) >= Rounds, $"{status} came {statuses.GetValueOrDefault(status)} times"));
    }

    private async Task AskAsync(ApiRequests requests, int count, ConcurrentDictionary<int, int> statuses)
    {
        var made = Enumerable.Range(0, count).Select(_ => requests.Next()).ToArray();
        await Parallel.ForEachAsync(made, new ParallelOptions { MaxDegreeOfParallelism = AtATime }, async (request, _) =>
        {
            RawAnswer answer;
            try
            {
                answer = await RawHttp.AskAsync(broker.Broker.HttpPort, request.Bytes, request.IsWhole);
            }
            catch (TimeoutException exception)
            {
                throw new TimeoutException($"{exception.Message}\n{Shown(request)}", exception);
            }

            statuses.AddOrUpdate(answer.Status, 1, static (_, seen) => seen + 1);
            Assert.True(IsRight(request, answer), $"{answer.Head}\n{answer.Body}\n\nwas the answer to\n\n{Shown(request)}");
        });
    }

    // A request that was spoilt may ask for anything, and the server may close the connection instead of an answer.
    private static bool IsRight(ApiRequest request, RawAnswer answer) => answer.Status switch
    {
        0 => !request.IsWhole,
        501 => !request.IsWhole || NotImplemented.Contains(request.Operation),
        503 => (request.Operation.Contains("/health/checks/", StringComparison.Ordinal) || request.Operation.EndsWith("/tracking", StringComparison.Ordinal)) && answer.Body.Contains("\"reason\"", StringComparison.Ordinal),
        505 => !request.IsWhole,
        >= 500 => false,

        // A refusal says why, but for those of the server beneath, which come before there is a request.
        >= 400 => request.IsHead || answer.Body.Contains("\"reason\":\"", StringComparison.Ordinal) || answer.Head.Contains("Content-Length: 0", StringComparison.Ordinal),
        _ => true,
    };

    private static string Shown(ApiRequest request) => string.Create(
        CultureInfo.InvariantCulture, $"{request.Operation} (GRANARY_TEST_FUZZ_SEED={Fuzzing.Seed}):\n{System.Text.Encoding.Latin1.GetString(request.Bytes.AsSpan(0, Math.Min(request.Bytes.Length, 2000)))}");

    private async Task<IReadOnlyList<string>> OperationsAsync()
    {
        var document = JsonNode.Parse(await broker.Client.GetStringAsync(new Uri("openapi.json", UriKind.Relative)))!;
        return
        [
            .. document["paths"]!.AsObject().SelectMany(static path => path.Value!.AsObject()
                .Where(static item => item.Key != "parameters").Select(item => $"{item.Key.ToUpperInvariant()} {path.Key}")),
        ];
    }
}
