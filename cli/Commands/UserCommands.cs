using System.Text.Json.Nodes;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

internal static class UserCommands
{
    private const string Group = "Users";

    private static readonly CommandOption User = new("user", HasValue: true);
    private static readonly CommandOption Global = new("global");
    private static readonly CommandOption PreHashed = new("pre-hashed-password");

    public static IEnumerable<Command> All =>
    [
        new(
            "add_user", Group,
            "Creates a new user in the internal database. This user will have no permissions for any virtual hosts by default.",
            "<username> [<password>] [--pre-hashed-password]")
        {
            LeastWords = 1, MostWords = 2, Options = [PreHashed], Check = RequireName,
            Banner = call => Told($"Adding user \"{call.Words[0]}\" ..."), Run = AddAsync,
        },
        new(
            "authenticate_user", Group,
            "Attempts to authenticate a user. Exits with a non-zero code if authentication fails.",
            "<username> [<password>]")
        {
            LeastWords = 1, MostWords = 2,
            Banner = call => Told($"Authenticating user \"{call.Words[0]}\" ..."),
            Run = async call => await call.Broker.AcceptsAsync(call.Words[0], Password(call))
                ? Answer.Of("Success")
                : throw new CommandException(ExitCode.Data, $"Error: failed to authenticate user \"{call.Words[0]}\"\nuser '{call.Words[0]}' - invalid credentials"),
        },
        new("change_password", Group, "Changes the user password", "<username> [<password>]")
        {
            LeastWords = 1, MostWords = 2,
            Banner = call => Told($"Changing password for user \"{call.Words[0]}\" ..."),
            Run = call => ChangeAsync(call, (user, body) => (body["tags"], body["password"]) = (user["tags"]!.DeepClone(), Password(call))),
        },
        new("clear_password", Group, "Clears (resets) password and disables password login for a user", "<username>")
        {
            LeastWords = 1,
            Banner = call => Told($"Clearing password for user \"{call.Words[0]}\" ..."),
            Run = call => ChangeAsync(call, static (user, body) => (body["tags"], body["password_hash"]) = (user["tags"]!.DeepClone(), ""), Refusals.NoSuchUser(call.Words[0])),
        },
        new(
            "delete_user", Group,
            "Removes a user from the internal database. Has no effect on users provided by external backends such as LDAP",
            "<username>")
        {
            LeastWords = 1,
            Banner = call => Told($"Deleting user \"{call.Words[0]}\" ..."),
            Run = async call =>
                await call.Broker.DeleteAsync($"users/{call.Path(0)}") ? Answer.None : throw Refusals.NoUser(call.Words[0]),
        },
        new("set_user_tags", Group, "Sets user tags", "<username> <tag> [...]")
        {
            LeastWords = 1, MostWords = int.MaxValue,
            Banner = call => Told($"Setting tags for user \"{call.Words[0]}\" to [{string.Join(", ", call.Words.Skip(1))}] ..."),
            Run = call => ChangeAsync(call, (user, body) =>
            {
                body["tags"] = string.Join(',', call.Words.Skip(1));
                (body["password_hash"], body["hashing_algorithm"]) = (user["password_hash"]?.DeepClone() ?? "", user["hashing_algorithm"]?.DeepClone());
            }),
        },
        new("list_users", Group, "List user names and tags", "")
        {
            Banner = static _ => Told("Listing users ..."),
            Run = async call => new RowsAnswer(
                ["user", "tags"], [.. (await call.Broker.ListAsync("users")).Select(user => (IReadOnlyList<JsonNode?>)[user["name"], Tags(user["tags"])])]),
        },
        new("set_user_limits", Group, "Sets user limits", "<username> <definition>")
        {
            LeastWords = 2,
            Banner = call => Told($"Setting user limits to \"{call.Words[1]}\" for user \"{call.Words[0]}\" ..."),
            Run = async call =>
            {
                await Limits.SetAsync(call.Broker, $"user-limits/{call.Path(0)}", call.Words[1], ["max-connections", "max-channels"], areAll: false, Refusals.NoSuchUser(call.Words[0]));
                return Answer.None;
            },
        },
        new("clear_user_limits", Group, "Clears user connection/channel limits", "<username> <limit_type> | all")
        {
            LeastWords = 2,
            Banner = call =>
                Told(call.Words[1] == "all" ? $"Clearing all limits for user \"{call.Words[0]}\" ..." : $"Clearing \"{call.Words[1]}\" limit for user \"{call.Words[0]}\" ..."),
            Run = async call =>
            {
                if (await call.Broker.FindAsync($"users/{call.Path(0)}") is null)
                {
                    throw Refusals.NoSuchUser(call.Words[0]);
                }

                string[] names = call.Words[1] == "all" ? ["max-connections", "max-channels"] : [call.Words[1]];
                foreach (var name in names)
                {
                    await call.Broker.DeleteAsync($"user-limits/{call.Path(0)}/{Uri.EscapeDataString(name)}");
                }

                return Answer.None;
            },
        },
        new("list_user_limits", Group, "Displays configured user limits", "[--user <username>] [--global]")
        {
            Options = [User, Global],
            Banner = call =>
                Told(call.Has("global") ? "Listing limits for all users ..." : $"Listing limits for user \"{call["user"] ?? "guest"}\" ..."),
            Run = ListLimitsAsync,
        },
    ];

    /// <summary>The second word, or the first line of standard input.</summary>
    internal static string Password(CommandCall call) => call.Words.Count > 1
        ? call.Words[1]
        : call.Input.ReadLine() ?? throw CommandException.NotValid("not enough arguments.");

    internal static JsonNode? Tags(JsonNode? tags) => tags is JsonValue text && text.TryGetValue<string>(out var all)
        ? new JsonArray([.. all.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(tag => (JsonNode?)tag)])
        : tags ?? new JsonArray();

    internal static Task<string?> Told(string text) => Task.FromResult<string?>(text);

    private static void RequireName(CommandCall call)
    {
        if (call.Words[0].Length == 0)
        {
            throw CommandException.NotValid("Bad argument: user cannot be an empty string", ExitCode.Data);
        }
    }

    private static async Task<Answer> AddAsync(CommandCall call)
    {
        var path = $"users/{call.Path(0)}";
        if (await call.Broker.FindAsync(path) is not null)
        {
            throw new CommandException(ExitCode.Software, $"User \"{call.Words[0]}\" already exists");
        }

        var secret = call.Has("pre-hashed-password") ? "password_hash" : "password";
        await call.Broker.PutAsync(path, new JsonObject { [secret] = Password(call), ["tags"] = "" });
        const string Done = "Done. Don't forget to grant the user permissions to some virtual hosts! See 'rabbitmqctl help set_permissions' to learn more.";
        return call.Has("quiet") || call.Has("silent")
            ? Answer.None
            : new TextAnswer(Done, new JsonObject { ["message"] = Done, ["node"] = await call.Broker.NodeAsync(), ["status"] = "ok" });
    }

    // The API takes a user as a whole.
    private static async Task<Answer> ChangeAsync(CommandCall call, Action<JsonObject, JsonObject> change, CommandException? absent = null)
    {
        var path = $"users/{call.Path(0)}";
        var user = (await call.Broker.FindAsync(path))?.AsObject() ?? throw absent ?? Refusals.NoUser(call.Words[0]);
        var body = new JsonObject();
        change(user, body);
        await call.Broker.PutAsync(path, body);
        return Answer.None;
    }

    private static async Task<Answer> ListLimitsAsync(CommandCall call)
    {
        if (call.Has("global"))
        {
            var all = await call.Broker.ListAsync("user-limits");
            return new RowsAnswer(["user", "limits"], [.. all.Select(user => (IReadOnlyList<JsonNode?>)[user["user"], Json.Sorted(user["value"])])], ShowsNothing: true);
        }

        var name = call["user"] ?? "guest";
        var own = await call.Broker.FindAsync($"user-limits/{Uri.EscapeDataString(name)}") as JsonArray ?? throw Refusals.NoSuchUser(name);
        return Answer.Of(Json.Sorted(own.FirstOrDefault()?["value"] ?? new JsonObject()).GetValue<string>());
    }
}
