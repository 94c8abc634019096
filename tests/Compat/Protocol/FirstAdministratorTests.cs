using Granary.Testing.Brokers;
using Granary.Testing.Wire;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Compat.Tests.Protocol;

/// <summary>A new broker's only user is the administrator who was configured.</summary>
public sealed class FirstAdministratorTests
{
    private const int LoginRefused = 1105;

    [Fact]
    public async Task Login_OfTheConfiguredAdministrator_SucceedsAndGuestDoesNot()
    {
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "pass word\n");
        await using var broker = await BrokerProcess.StartAsync("--default-user", "boss", "--default-pass-file", file);
        broker.Watched.Allow(LoginRefused);
        File.Delete(file);

        await using (var connection = await StartedAsync(broker))
        {
            await connection.CallAsync(0, StartOk(user: "boss", password: "pass word"), 10, 30);
        }

        foreach (var (user, password) in new[] { ("guest", "guest"), ("boss", "password"), ("Boss", "pass word"), ("", "") })
        {
            await using var connection = await StartedAsync(broker);
            await connection.SendMethodAsync(0, StartOk(user: user, password: password));

            Assert.Equal((ushort)403, (await connection.ExpectCloseAsync()).Code);
        }
    }

    private static async Task<WireConnection> StartedAsync(BrokerProcess broker)
    {
        var connection = await WireConnection.ConnectAsync(broker.AmqpPort);
        await connection.SendAsync(WireConnection.ProtocolHeader);
        await connection.ExpectAsync(10, 10);
        return connection;
    }
}
