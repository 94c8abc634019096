using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Granary.Core.Access;
using Granary.Gateway.Access;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Access;

/// <summary><c>/api/users</c>.</summary>
internal sealed class UserResources(AccessCalls access) : IResource
{
    public void Map(ApiRoutes routes)
    {
        routes.Get("/users", Need.Administrator, ListAsync);
        routes.Get("/users/without-permissions", Need.Administrator, ListWithoutPermissionsAsync);
        routes.Post("/users/bulk-delete", Need.Administrator, DeleteManyAsync);
        routes.Get("/users/{user}", Need.Administrator, GetAsync);
        routes.Put("/users/{user}", Need.Administrator, PutAsync);
        routes.Delete("/users/{user}", Need.Administrator, DeleteAsync);
        routes.Get("/auth/hash_password/{password}", Need.Administrator, static call =>
            call.ReplyAsync(new HashedPassword(PasswordHash.Create(Encoding.UTF8.GetBytes(call.Segments[2]))), ApiJson.Default.HashedPassword));
    }

    private async Task ListAsync(ApiCall call)
    {
        var users = await access.ListUsersAsync().ConfigureAwait(false);
        await ReplyAsync(call, users).ConfigureAwait(false);
    }

    private async Task ListWithoutPermissionsAsync(ApiCall call)
    {
        var permitted = (await access.ListPermissionsAsync().ConfigureAwait(false)).Select(permission => permission.User).ToHashSet(StringComparer.Ordinal);
        var users = await access.ListUsersAsync().ConfigureAwait(false);
        await ReplyAsync(call, users.Where(user => !permitted.Contains(user.Name))).ConfigureAwait(false);
    }

    private static Task ReplyAsync(ApiCall call, IEnumerable<Account> users) => call.ReplyListAsync(
        [.. users.OrderBy(user => user.Name, StringComparer.Ordinal).Select(UserJson.Of)], ApiJson.Default.UserJson, static user => user.Name);

    private async Task GetAsync(ApiCall call)
    {
        var user = await access.FindUserAsync(call.Segments[1]).ConfigureAwait(false) ?? throw ApiException.NotFound();
        await call.ReplyAsync(UserJson.Of(user), ApiJson.Default.UserJson).ConfigureAwait(false);
    }

    private async Task PutAsync(ApiCall call)
    {
        var asked = await call.ReadAsync(ApiJson.Default.UserJson).ConfigureAwait(false);
        var wasThere = await access.FindUserAsync(call.Segments[1]).ConfigureAwait(false) is not null;
        await call.ReplyAsync(wasThere, await access.PutUserAsync(asked.ToSettings(call.Segments[1])).ConfigureAwait(false)).ConfigureAwait(false);
    }

    private async Task DeleteAsync(ApiCall call)
    {
        // Looked at before: of a deletion that was asked for twice nobody can say whether there was anything.
        var user = await access.FindUserAsync(call.Segments[1]).ConfigureAwait(false) ?? throw ApiException.NotFound();
        (await access.DeleteUserAsync(user.Name).ConfigureAwait(false)).Check();
        await call.ReplyNothingAsync().ConfigureAwait(false);
    }

    private async Task DeleteManyAsync(ApiCall call)
    {
        var asked = await call.ReadAsync(ApiJson.Default.UserNames).ConfigureAwait(false);
        foreach (var user in asked.Users ?? throw MissingKeys.Error("users"))
        {
            var answer = await access.DeleteUserAsync(user).ConfigureAwait(false);
            if (answer.Outcome == AccessOutcome.Missing)
            {
                throw ApiException.BadRequest($"no_such_user: {user}");
            }

            answer.Check();
        }

        await call.ReplyNothingAsync().ConfigureAwait(false);
    }
}

/// <summary>A user as RabbitMQ's management tells and takes it, and as definitions have it.</summary>
internal sealed record UserJson
{
    public string Name { get; set; } = "";

    public string? PasswordHash { get; set; }

    public string? HashingAlgorithm { get; set; }

    /// <summary>Only taken, never told.</summary>
    public string? Password { get; set; }

    [JsonConverter(typeof(TagsConverter))]
    public string[]? Tags { get; set; }

    [JsonConverter(typeof(LimitsConverter))]
    public Dictionary<string, long>? Limits { get; set; }

    public static UserJson Of(Account user) => new()
    {
        Name = user.Name,
        PasswordHash = user.PasswordHash,
        HashingAlgorithm = user.Hashing == PasswordHashing.Sha512 ? Hashings.Sha512 : Hashings.Sha256,
        Tags = user.Tags,
        Limits = LimitsJson.Of(user.Limits),
    };

    /// <exception cref="ApiException">400: not a user.</exception>
    public UserSettings ToSettings(string name) => new(name)
    {
        Tags = Tags ?? throw ApiException.BadRequest("tags_not_present"),
        PasswordHash = Password is not null && PasswordHash is not null ? throw ApiException.BadRequest("both_password_and_password_hash_are_provided")
            : Password is { Length: > 0 } ? Core.Access.PasswordHash.Create(Encoding.UTF8.GetBytes(Password)) : PasswordHash,
        Hashing = Password is { Length: > 0 } || PasswordHash is null ? PasswordHashing.Sha256 : Hashings.Parse(HashingAlgorithm),
        Limits = Limits is null ? null : LimitsJson.ToUserLimits(Limits),
    };
}

/// <summary>Users that are meant together.</summary>
internal sealed record UserNames
{
    public string[]? Users { get; set; }
}

/// <summary>RabbitMQ's modules for hashes of passwords.</summary>
internal static class Hashings
{
    public const string Sha256 = "rabbit_password_hashing_sha256";
    public const string Sha512 = "rabbit_password_hashing_sha512";

    /// <exception cref="ApiException">400: not one that is known.</exception>
    public static PasswordHashing Parse(string? name) => name switch
    {
        null or Sha256 => PasswordHashing.Sha256,
        Sha512 => PasswordHashing.Sha512,
        _ => throw ApiException.BadRequest($"hashing_algorithm '{name}' is not known: {Sha256} and {Sha512} are"),
    };
}

/// <summary>Limits as an object; none are also taken as an empty list, as some versions of RabbitMQ write them.</summary>
internal sealed class LimitsConverter : JsonConverter<Dictionary<string, long>>
{
    public override Dictionary<string, long> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType != JsonTokenType.StartArray ? JsonSerializer.Deserialize(ref reader, ApiJson.Default.DictionaryStringInt64) ?? []
        : reader.Read() && reader.TokenType == JsonTokenType.EndArray ? []
        : throw new JsonException("Limits are an object.");

    public override void Write(Utf8JsonWriter writer, Dictionary<string, long> value, JsonSerializerOptions options) =>
        JsonSerializer.Serialize(writer, value, ApiJson.Default.DictionaryStringInt64);
}

/// <summary>Tags as a list, or, when they are taken, as a text with commas.</summary>
internal sealed class TagsConverter : JsonConverter<string[]>
{
    public override string[] Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
        {
            return reader.GetString()!.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            throw new JsonException("Tags are a list, or a text with commas.");
        }

        List<string> tags = [];
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            tags.Add(reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw new JsonException("A tag is a text."));
        }

        return [.. tags];
    }

    public override void Write(Utf8JsonWriter writer, string[] value, JsonSerializerOptions options)
    {
        writer.WriteStartArray();
        foreach (var tag in value)
        {
            writer.WriteStringValue(tag);
        }

        writer.WriteEndArray();
    }
}

/// <summary>A password as definitions have it.</summary>
internal sealed record HashedPassword(string Ok);
