using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using Granary.Testing.Wire;

namespace Granary.Gateway.Tests.Abuse;

/// <summary>One broker for the tests of hostile clients, whose memory and log are looked at.</summary>
public sealed class AbusedBroker : IAsyncLifetime
{
    public const string Collection = "abused broker";

    /// <summary>What it does not read for that long, a client is cut off for.</summary>
    public static readonly TimeSpan SendTimeout = TimeSpan.FromSeconds(4);

    private BrokerProcess? _broker;
    private HttpClient? _client;

    public BrokerProcess Broker => _broker!;

    /// <summary>Of the API, as guest.</summary>
    public HttpClient Client => _client!;

    /// <summary>Its node's name, as in paths.</summary>
    public string Node { get; private set; } = "";

    public async Task InitializeAsync()
    {
        _broker = await BrokerProcess.StartAsync("--send-timeout", SendTimeout.TotalSeconds.ToString(CultureInfo.InvariantCulture));
        _client = new HttpClient { BaseAddress = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Broker.HttpPort}/api/")) };
        _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String("guest:guest"u8));
        using var made = await _client.PutAsync(new Uri($"vhosts/{OtherClients.Vhost}", UriKind.Relative), null);
        Assert.True(made.IsSuccessStatusCode);
        await using var connection = await WireConnection.OpenAsync(Broker.AmqpPort, vhost: OtherClients.Vhost);
        await connection.CallAsync(1, WireMethods.QueueDeclare("good", durable: true), 50, 11);
        Node = Uri.EscapeDataString((string)JsonNode.Parse(await _client.GetStringAsync(new Uri("overview?columns=node", UriKind.Relative)))!["node"]!);
    }

    public Task DisposeAsync() => ClassEnd.TellAsync(async () =>
    {
        _client?.Dispose();
        await Broker.DisposeAsync();
    });

    /// <summary>What its process holds once it has collected its garbage.</summary>
    public async Task<Residue> LookAsync()
    {
        using var collected = await Client.PostAsync(new Uri($"nodes/{Node}/gc", UriKind.Relative), null);
        Assert.True(collected.IsSuccessStatusCode);
        return Residue.Of(Broker);
    }

    /// <summary>Fails when it has logged a line of Warning or above, other than those, since a test looked last.</summary>
    public void CheckLog(params int[] allowed)
    {
        Broker.Settle();
        Assert.DoesNotContain(Broker.Watched.TakeUnannounced(), line => !allowed.Contains(line.Event));
    }
}

/// <summary>Its tests run one after the other.</summary>
[CollectionDefinition(AbusedBroker.Collection)]
public sealed class AbusedBrokerCollection : ICollectionFixture<AbusedBroker>;
