/** What an assistant remembers about a person, in several scripts. A line is a memory; its number is its place. */
const TEXT = `
Is allergic to peanuts and carries an EpiPen.
Does not eat shellfish since a bad oyster in Brittany.
Vegetarian on weekdays, eats fish on Sundays.
Favourite breakfast is porridge with blueberries.
Drinks two espressos before noon and none after.
Prefers oat milk in coffee.
Is trying to eat less sugar before the wedding.
Bakes sourdough bread every Saturday.
Cooked Thai green curry for the whole team in March.
Finds coriander tastes like soap.
Has a dog named Rex, a four-year-old border collie.
Rex is afraid of fireworks and hides in the bathtub.
The vet of the dog is Dr. Okafor on Mill Road.
Had a cat called Minka as a child.
Feeds the neighbour's parrot when they travel.
Works as a structural engineer for bridges.
Leads a team of seven people in the Oslo office.
The deadline of the harbour bridge project is 14 November.
Uses metric units and wants them in every report.
Writes Python at work and Rust at home.
Dislikes meetings before ten in the morning.
Prefers answers as bullet points, not as long paragraphs.
Wants code samples with type annotations.
The manager is called Ingrid and approves travel.
Expense reports are due on the last Friday of the month.
Was promoted to principal engineer in 2024.
Password manager is Bitwarden; never send secrets by mail.
Has a laptop with Debian and an external monitor.
The printer at home is a Brother HL-L2350DW.
Keyboard layout is Norwegian.
Lives in Oslo, in the district Grünerløkka.
Moved from Lyon to Norway in 2016.
The apartment is on the fourth floor without an elevator.
Pays the rent on the 27th of each month.
The landlord is Mr. Haugen, phone number on the fridge.
Planning to buy a cabin near Lillehammer.
Wi-Fi in the basement is weak.
Recycling is collected on Tuesdays.
Has two sisters, Camille and Inès.
Camille lives in Montréal and has twins.
Mother's birthday is on 3 May.
Father was a train driver and collects model railways.
Is getting married to Lars in September.
The wedding is in a barn outside Hamar.
Lars is left-handed and plays the cello.
The honeymoon will be in Japan, three weeks in October.
Godmother of Emil, who is six and loves dinosaurs.
Grandmother speaks only Breton and French.
Runs half marathons; the best time is 1:52:30.
Knee surgery in 2021, so no downhill running.
Goes climbing at Kolsås on Wednesday evenings.
Swims in the fjord all year.
Is learning to play the cello from Lars.
Reads crime novels, most of all by Fred Vargas.
The favourite film is Princess Mononoke.
Watches every match of Olympique Lyonnais.
Plays chess online as "pont_suspendu", rated 1740.
Collects vintage maps of harbours.
Has a season ticket for the opera.
Paints watercolours of bridges on holidays.
Takes levothyroxine 50 micrograms each morning.
Wears contact lenses, minus 3.25 on both eyes.
The dentist appointment is on 12 January at 8:30.
Blood type is 0 negative and donates twice a year.
Gets migraines from red wine.
Sleeps badly at full moon, or says so.
Does not want calls after 21:00.
Time zone is Europe/Oslo.
Prefers the window seat on trains and the aisle on planes.
Frequent flyer number is with SAS EuroBonus.
Passport expires in June 2027.
Visited Iceland and saw the aurora in Akureyri.
Afraid of flying in small planes.
Never books hotels without a desk.
Wants to see the Millau viaduct again.
Travels to Trondheim for the site inspection every second month.
Drives an electric Volvo and charges it at night.
The car insurance is with Gjensidige.
Winter tyres are stored at the garage in Alnabru.
Rides the bicycle to work from April to October.
The bike lock code is written in the blue notebook.
Saves ten percent of the salary in index funds.
Budget for the wedding is 180,000 kroner.
Pays taxes in Norway and owns a flat in Lyon that is let.
The tenant in Lyon pays late each winter.
Donates to Médecins Sans Frontières.
Bank is DNB; the mortgage interest is fixed until 2029.
Wants reminders a day ahead, by text message.
Likes dry humour and no exclamation marks.
Asked not to be called by the full name Marguerite.
Prefers to be addressed as Margot.
Speaks French, Norwegian, English and some Japanese.
Is studying kanji with flash cards, 15 each day.
Passed the Bergenstest for Norwegian in 2018.
Volunteers as a coach of the robotics club at school.
The robotics club meets in room 204.
Grows tomatoes and chili on the balcony.
The basil on the balcony died in the frost.
Mushroom hunting in Nordmarka each autumn, chanterelles first.
Has a fear of snakes, not of spiders.
Aime le café noir sans sucre.
Habite près de la rivière Akerselva à Oslo.
Déteste les réunions qui n'ont pas d'ordre du jour.
La sœur aînée s'appelle Camille et vit à Montréal.
Préfère les trains de nuit aux avions.
Fährt im Winter gern Langlauf auf dem Holmenkollen.
Möchte Rechnungen immer als PDF bekommen.
Die Schwiegermutter heißt Grete und wohnt in Tromsø.
Kauft Gemüse nur auf dem Wochenmarkt.
Übernachtet in Zügen am liebsten im Schlafwagen.
Le gusta bailar salsa los jueves por la noche.
Tiene un primo en Bogotá que es piloto.
Liker å gå på ski i Nordmarka før jobb.
Kjøper kanelboller på Godt Brød hver fredag.
Bestefar var fisker i Lofoten.
Любит гулять по набережной вечером.
Двоюродный брат работает врачом в Санкт-Петербурге.
Просила напомнить о встрече с адвокатом в среду.
Читает Булгакова в оригинале со словарём.
Ο γείτονας λέγεται Νίκος και φτιάχνει μουσακά.
Θέλει να μάθει ελληνικούς χορούς.
東京の浅草に泊まりたい。
寿司は好きだが、わさびは苦手。
来年の春に京都で桜を見る予定。
漢字を毎日十五個勉強している。
温泉に入るのが一番の楽しみ。
ジブリ映画では「もののけ姫」が一番好き。
她的同事王伟下个月从上海来奥斯陆。
喜欢喝龙井茶，不喝奶茶。
项目合同需要双语版本，中文和英文。
对花生过敏，点菜时要提醒餐厅。
한국 드라마를 자막과 함께 본다.
김치는 직접 담그고 친구들에게 나눠 준다.
서울에서 열리는 교량 학회에 초대받았다.
ชอบกินผัดไทยแต่ไม่ใส่ถั่วลิสง
จะไปเที่ยวเชียงใหม่กับลาร์สปีหน้า
ร้านกาแฟใกล้บ้านปิดวันจันทร์
تحب القهوة العربية بالهيل.
زميلها سامي يعيش في القاهرة.
تريد تعلم الخط العربي هذا الصيف.
לומדת עברית באפליקציה כל בוקר.
חברה טובה שלה גרה בתל אביב.
उसे मसाला चाय पसंद है।
दिल्ली में उसकी एक पुरानी दोस्त रहती है।
वह योग हर सुबह छह बजे करती है।
🎂 for Emil: a dinosaur cake, the green one.
⚽ on Saturdays with the team in Frogner park 🏟️.
The Wi-Fi name is "Tacoma Narrows".
`;

export const MEMORIES: readonly string[] = TEXT.trim().split("\n");

/** A query, and what begins the memories that answer it, in whose text its words occur. */
export const QUERIES: readonly (readonly [query: string, answers: readonly string[]])[] = [
  ["peanut allergy", ["Is allergic to peanuts"]],
  ["what is the dog called?", ["Has a dog named Rex"]],
  ["dog", ["Has a dog named Rex", "The vet of the dog"]],
  ["Rex", ["Has a dog named Rex", "Rex is afraid"]],
  ["who is the vet", ["The vet of the dog"]],
  ["wedding", ["Is trying to eat less sugar", "The wedding is in a barn", "Budget for the wedding"]],
  ["how much is the wedding budget?", ["Budget for the wedding"]],
  ["bridge project deadline", ["The deadline of the harbour bridge"]],
  ["milk in coffee", ["Prefers oat milk"]],
  ["coriander", ["Finds coriander"]],
  ["Lars", ["Is getting married to Lars", "Lars is left-handed", "Is learning to play the cello from Lars"]],
  ["cello", ["Lars is left-handed", "Is learning to play the cello"]],
  ["honeymoon in Japan", ["The honeymoon will be in Japan"]],
  ["migraine wine", ["Gets migraines"]],
  ["when does the passport expire?", ["Passport expires"]],
  ["rent landlord", ["Pays the rent", "The landlord is"]],
  ["Grunerlokka", ["Lives in Oslo, in the district"]],
  ["montreal", ["Camille lives in Montréal", "La sœur aînée"]],
  ["Camille", ["Has two sisters", "Camille lives", "La sœur aînée"]],
  ["medecins sans frontieres", ["Donates to Médecins"]],
  ["robotics club room", ["The robotics club meets", "Volunteers as a coach"]],
  ["balcony tomato", ["Grows tomatoes", "The basil on the balcony"]],
  ["printer model", ["The printer at home", "Father was a train driver"]],
  ["HL-L2350DW", ["The printer at home"]],
  ["code samples type annotations", ["Wants code samples"]],
  ["reunions", ["Déteste les réunions"]],
  ["café", ["Aime le café noir"]],
  ["rechnungen pdf", ["Möchte Rechnungen"]],
  ["ubernachtet schlafwagen", ["Übernachtet in Zügen"]],
  ["bogota", ["Tiene un primo"]],
  ["Nordmarka", ["Mushroom hunting", "Liker å gå på ski"]],
  ["НАБЕРЕЖНОЙ", ["Любит гулять"]],
  ["встреча адвокатом", ["Просила напомнить"]],
  ["μουσακα", ["Ο γείτονας"]],
  ["京都 桜", ["来年の春に京都"]],
  ["寿司", ["寿司は好きだが"]],
  ["もののけ姫", ["ジブリ映画"]],
  ["花生过敏", ["对花生过敏"]],
  ["上海", ["她的同事王伟"]],
  ["교량 학회", ["서울에서 열리는"]],
  ["김치", ["김치는 직접"]],
  ["เชียงใหม่", ["จะไปเที่ยวเชียงใหม่"]],
  ["ผัดไทย", ["ชอบกินผัดไทย"]],
  ["القهوة", ["تحب القهوة"]],
  ["القاهرة", ["زميلها سامي"]],
  ["עברית", ["לומדת עברית"]],
  ["मसाला चाय", ["उसे मसाला"]],
  ["योग सुबह", ["वह योग"]],
  ["🎂", ["🎂 for Emil"]],
  ["Tacoma Narrows", ["The Wi-Fi name"]],
  ["wi-fi", ["Wi-Fi in the basement", "The Wi-Fi name"]],
];
