using System.Text;
using Granary.Testing.Brokers;

namespace Granary.Gateway.Tests.Management;

/// <summary>What users with each tag are answered, request by request, in a vhost where they have all permissions (M) and in one where they have none (F), held against RabbitMQ 3.10.8.</summary>
/// <remarks>
/// With GRANARY_TEST_AMQP_PORT and GRANARY_TEST_HTTP_PORT of a RabbitMQ, and GRANARY_TEST_BROKER=rabbitmq-3, the columns of RabbitMQ are held against the real one.
/// </remarks>
[WatchedBroker]
public sealed class TagRightsTests(ApiBroker broker) : IClassFixture<ApiBroker>, IAsyncLifetime
{
    private static readonly string[] Tags = ["", "management", "policymaker", "monitoring", "administrator"];

    private readonly string _own = ApiBroker.New("m"), _foreign = ApiBroker.New("f"), _someone = ApiBroker.New("s"), _new = ApiBroker.New("n");
    private readonly string[] _users = [.. Tags.Select(static tag => ApiBroker.New($"u{tag}"))];
    private string _node = "";

    public async Task InitializeAsync()
    {
        _node = Uri.EscapeDataString((string)(await broker.GetAsync("overview"))["node"]!);
        foreach (var vhost in new[] { _own, _foreign })
        {
            await DoneAsync("PUT", $"vhosts/{vhost}", "{}");
            await DoneAsync("PUT", $"permissions/{vhost}/guest", TagRightsTable.AllRights);
        }

        foreach (var (user, tag) in _users.Zip(Tags))
        {
            await DoneAsync("PUT", $"users/{user}", $$"""{"password":"p","tags":"{{tag}}"}""");
            await DoneAsync("PUT", $"permissions/{_own}/{user}", TagRightsTable.AllRights);
        }
    }

    public async Task DisposeAsync()
    {
        foreach (var path in (string[])[$"vhosts/{_own}", $"vhosts/{_foreign}", $"users/{_someone}", .. _users.Select(static user => $"users/{user}")])
        {
            await broker.SendAsync(HttpMethod.Delete, path);
        }
    }

    [Fact]
    public async Task Request_ByUsersOfEachTag_IsAnsweredAsByRabbitMq()
    {
        var expected = new List<string>();
        var seen = new List<string>();
        var isReset = false;

        // Only what was done to it changes what the next one finds.
        foreach (var row in TagRightsTable.Rows)
        {
            var statuses = new List<int>();
            foreach (var user in _users)
            {
                if (!isReset)
                {
                    await ResetAsync();
                }

                statuses.Add(await StatusAsync(user, row));
                isReset = row.Method == "GET" || statuses[^1] >= 300;
            }

            seen.Add($"{row.Request} | {string.Join(' ', statuses)}");
            expected.Add($"{row.Request} | {(broker.Broker.IsRabbitMq3 ? row.RabbitMq : row.Here)}");
        }

        Assert.True(expected.SequenceEqual(seen), string.Join('\n', seen.Except(expected)));
    }

    private async Task<int> StatusAsync(string user, TagRightsRow row)
    {
        using var client = broker.ClientOf($"{user}:p");
        if (row.Method == "DELETE" && row.Path.EndsWith("/none", StringComparison.Ordinal))
        {
            return (int)await ApiBroker.DeleteMissingAsync(client, PathOf(row.Path, user));
        }

        using var request = new HttpRequestMessage(new HttpMethod(row.Method), new Uri(PathOf(row.Path, user), UriKind.Relative)) { Content = row.Body is null ? null : ApiBroker.Json(PathOf(row.Body, user)) };
        using var answer = await client.SendAsync(request);
        return (int)answer.StatusCode;
    }

    private string PathOf(string path, string user) => new StringBuilder(path)
        .Replace("{M}", _own).Replace("{F}", _foreign).Replace("{SELF}", user).Replace("{S}", _someone).Replace("{NEW}", _new).Replace("{NODE}", _node).ToString();

    // What each request finds.
    private async Task ResetAsync()
    {
        foreach (var gone in new[] { $"vhosts/{_new}", $"users/{_new}", $"users/{_someone}" })
        {
            await broker.SendAsync(HttpMethod.Delete, gone);
        }

        await DoneAsync("PUT", $"users/{_someone}", """{"password":"p","tags":""}""");
        foreach (var vhost in new[] { _own, _foreign })
        {
            foreach (var gone in new[] { $"queues/{vhost}/new", $"exchanges/{vhost}/new", $"policies/{vhost}/new", $"operator-policies/{vhost}/new" })
            {
                await broker.SendAsync(HttpMethod.Delete, gone);
            }

            await DoneAsync("PUT", $"queues/{vhost}/q", """{"durable":true}""");
            await DoneAsync("PUT", $"exchanges/{vhost}/x", """{"type":"direct"}""");
            await DoneAsync("POST", $"bindings/{vhost}/e/x/q/q", """{"routing_key":"k"}""");
            await DoneAsync("PUT", $"policies/{vhost}/p", TagRightsTable.Policy);
            await DoneAsync("PUT", $"operator-policies/{vhost}/p", TagRightsTable.Policy);
            await DoneAsync("PUT", $"permissions/{vhost}/{_someone}", TagRightsTable.AllRights);
            await DoneAsync("PUT", $"topic-permissions/{vhost}/{_someone}", """{"exchange":"amq.topic","write":"a","read":"b"}""");
            await DoneAsync("PUT", $"vhost-limits/{vhost}/max-queues", """{"value":100}""");
        }

        await DoneAsync("PUT", $"user-limits/{_someone}/max-channels", """{"value":100}""");
        await DoneAsync("PUT", "global-parameters/tags", """{"value":1}""");
    }

    private async Task DoneAsync(string method, string path, string body)
    {
        using var client = broker.ClientOf("guest:guest");
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(path, UriKind.Relative)) { Content = ApiBroker.Json(body) };
        using var answer = await client.SendAsync(request);
        Assert.True(answer.IsSuccessStatusCode, $"{method} {path}: {answer.StatusCode}");
    }
}
